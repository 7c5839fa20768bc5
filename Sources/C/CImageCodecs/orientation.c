#include <string.h>

#include "codecs.h"

// EXIF is a TIFF file inside an image file: a header of 8 bytes that names the byte order and the place of a directory, whose entries of 12 bytes hold tag,
// type, count and value. The orientation is the tag 0x0112.

static uint32_t number(const uint8_t *at, int bytes, int is_big) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; i++) value = value << 8 | at[is_big ? i : bytes - 1 - i];
  return value;
}

static int tiff_orientation(const uint8_t *tiff, size_t length) {
  if (length < 8) return 1;
  int is_big = memcmp(tiff, "MM\0*", 4) == 0;
  if (!is_big && memcmp(tiff, "II*\0", 4) != 0) return 1;
  size_t directory = number(tiff + 4, 4, is_big);
  if (directory > length || length - directory < 2) return 1;
  uint32_t entries = number(tiff + directory, 2, is_big);
  const uint8_t *entry = tiff + directory + 2;
  size_t left = (length - directory - 2) / 12;
  for (uint32_t i = 0; i < entries && i < left; i++, entry += 12) {
    if (number(entry, 2, is_big) != 0x0112) continue;
    // Some writers use a byte or a long in place of the short that the standard says.
    uint32_t type = number(entry + 2, 2, is_big);
    int bytes = type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : 0;
    uint32_t value = bytes ? number(entry + 8, bytes, is_big) : 0;
    return value >= 1 && value <= 8 ? (int)value : 1;
  }
  return 1;
}

// The first segment APP1 that begins with "Exif" decides; from the start of a scan (0xDA) on there is none.
static int jpeg_orientation(const uint8_t *data, size_t length) {
  size_t at = 2;
  for (;;) {
    while (at + 1 < length && data[at] == 0xFF && data[at + 1] == 0xFF) at++;
    if (length - at < 4) return 0;
    if (data[at] != 0xFF) return 1;
    uint8_t marker = data[at + 1];
    if (marker == 0xDA || marker == 0xD9) return 1;
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
      at += 2;
      continue;
    }
    size_t size = number(data + at + 2, 2, 1);
    if (size < 2) return 1;
    if (size > length - at - 2) return 0;
    const uint8_t *content = data + at + 4;
    if (marker == 0xE1 && size >= 8 && memcmp(content, "Exif\0\0", 6) == 0) return tiff_orientation(content + 6, size - 8);
    at += 2 + size;
  }
}

// The chunk eXIf may stand before or behind the pixels.
static int png_orientation(const uint8_t *data, size_t length) {
  size_t at = 8;
  while (length - at >= 12) {
    size_t size = number(data + at, 4, 1);
    const uint8_t *type = data + at + 4;
    if (memcmp(type, "IEND", 4) == 0) return 1;
    if (size > length - at - 12) return 0;
    if (memcmp(type, "eXIf", 4) == 0) return tiff_orientation(type + 4, size);
    at += 12 + size;
  }
  return 0;
}

int image_orientation(const uint8_t *data, size_t length) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  if (length >= 8 && memcmp(data, png, 8) == 0) return png_orientation(data, length);
  if (length >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) return jpeg_orientation(data, length);
  return 1;
}
