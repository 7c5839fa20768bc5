#include "codecs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

void image_message(char *out, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(out, IMAGE_MESSAGE, format, arguments);
  va_end(arguments);
}

image_status image_check_size(uint32_t width, uint32_t height, char *message) {
  if (width == 0 || height == 0) {
    image_message(message, "the image is empty (%u x %u)", width, height);
    return IMAGE_DAMAGED;
  }
  if (width > IMAGE_MAX_SIDE || height > IMAGE_MAX_SIDE || (uint64_t)width * height > IMAGE_MAX_PIXELS) {
    image_message(
        message, "the image is %u x %u, limits are %d a side and %d million pixels", width, height, IMAGE_MAX_SIDE,
        IMAGE_MAX_PIXELS / 1000000);
    return IMAGE_TOO_LARGE;
  }
  return IMAGE_OK;
}

// Kinds of image that people have and this library does not read, by the first bytes.
static const char *foreign_kind(const uint8_t *data, size_t length) {
  static const struct {
    size_t at;
    const char *bytes, *name;
  } kinds[] = {
      {8, "WEBP", "WebP"},      {0, "GIF8", "GIF"},       {0, "BM", "BMP"},          {0, "II*", "TIFF"},
      {0, "MM\0*", "TIFF"},     {4, "ftypheic", "HEIC"},  {4, "ftypheix", "HEIC"},   {4, "ftypmif1", "HEIC"},
      {4, "ftypavif", "AVIF"},  {4, "jP  ", "JPEG 2000"}, {4, "JXL ", "JPEG XL"},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    // "MM\0*" holds a zero byte.
    size_t size = kinds[i].bytes[0] == 'M' ? 4 : strlen(kinds[i].bytes);
    if (length >= kinds[i].at + size && memcmp(data + kinds[i].at, kinds[i].bytes, size) == 0) return kinds[i].name;
  }
  return NULL;
}

static image_status not_recognised(const uint8_t *data, size_t length, image_decoded *out) {
  const char *kind = foreign_kind(data, length);
  if (kind) {
    image_message(out->message, "a %s image; convert it to PNG, such as with ImageMagick: magick OLD NEW.png", kind);
  } else {
    image_message(out->message, length == 0 ? "the file is empty" : "neither PNG nor JPEG");
  }
  return IMAGE_NOT_RECOGNISED;
}

static image_status read_image(const uint8_t *data, size_t length, image_purpose purpose, image_decoded *out) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  memset(out, 0, sizeof *out);
  int orientation = image_orientation(data, length);
  out->orientation = orientation == 0 ? 1 : orientation;
  if (length >= 8 && memcmp(data, png, 8) == 0) return image_read_png(data, length, purpose, out);
  if (length >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) return image_read_jpeg(data, length, purpose, out);
  return not_recognised(data, length, out);
}

image_status image_read_header(const uint8_t *data, size_t length, image_decoded *out) {
  return read_image(data, length, FOR_HEADER, out);
}

image_status image_read_rgb(const uint8_t *data, size_t length, image_decoded *out) { return read_image(data, length, FOR_RGB, out); }

image_status image_read_labels(const uint8_t *data, size_t length, image_decoded *out) {
  return read_image(data, length, FOR_LABELS, out);
}

void image_release(image_decoded *image) {
  free(image->pixels);
  free(image->text);
  image->pixels = NULL;
  image->text = NULL;
}

void image_keep_freed_memory(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

void image_release_bytes(image_bytes *bytes) {
  free(bytes->data);
  bytes->data = NULL;
}
