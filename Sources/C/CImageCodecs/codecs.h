// What the files of this library share.
#pragma once
#include "CImageCodecs.h"

typedef enum { FOR_HEADER, FOR_RGB, FOR_LABELS } image_purpose;

void image_message(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
image_status image_check_size(uint32_t width, uint32_t height, char *message);
image_status image_read_png(const uint8_t *data, size_t length, image_purpose purpose, image_decoded *out);
image_status image_read_jpeg(const uint8_t *data, size_t length, image_purpose purpose, image_decoded *out);
