// PNG and JPEG between memory and pixels. Every function returns a status and writes a message; the longjmp of libpng and libjpeg
// ends inside this library. No global state, no files: reading and writing files is the caller's.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What went wrong, in classes that a caller treats differently.
typedef enum {
  IMAGE_OK = 0,
  IMAGE_NOT_RECOGNISED = 1,  ///< neither PNG nor JPEG by its first bytes
  IMAGE_DAMAGED = 2,         ///< truncated or corrupt
  IMAGE_TOO_LARGE = 3,       ///< over IMAGE_MAX_SIDE or IMAGE_MAX_PIXELS
  IMAGE_UNSUPPORTED = 4,     ///< a valid file of a kind that this reading does not take
  IMAGE_NO_MEMORY = 5,
} image_status;

/// Limits checked before any pixel memory is taken.
enum { IMAGE_MAX_SIDE = 30000, IMAGE_MAX_PIXELS = 256 * 1000 * 1000, IMAGE_MESSAGE = 256 };

/// How pixels are stored in the file.
typedef enum {
  IMAGE_KIND_GREY = 1,
  IMAGE_KIND_GREY_ALPHA = 2,
  IMAGE_KIND_PALETTE = 3,
  IMAGE_KIND_RGB = 4,
  IMAGE_KIND_RGB_ALPHA = 5,
  IMAGE_KIND_CMYK = 6,
} image_kind;

typedef enum { IMAGE_FORMAT_PNG = 1, IMAGE_FORMAT_JPEG = 2 } image_format;

/// A decoded file. Owns `pixels` and `text` (both may be NULL): give it to image_release exactly once, also after a failure.
typedef struct {
  image_format format;
  image_kind kind;
  int bits;  ///< per channel in the file
  uint32_t width, height;
  int orientation;  ///< of EXIF, 1...8; 1 where the file says nothing. Not applied: width, height and pixels are as stored
  uint8_t *pixels;          ///< height x width x channels, no padding; NULL where only the header was read
  int channels;             ///< 3 for image_read_rgb, 1 for image_read_labels
  int palette_count;        ///< entries of the palette, 0 without one (image_read_labels)
  uint8_t palette[256 * 3]; ///< RGB
  char *text;               ///< PNG text chunks as KEY\0VALUE\0KEY\0VALUE\0 ..., UTF-8 as stored
  size_t text_length;
  char message[IMAGE_MESSAGE];
} image_decoded;

/// Dimensions and kind only.
image_status image_read_header(const uint8_t *data, size_t length, image_decoded *out);

/// 8-bit RGB of any PNG or JPEG: grey is repeated, a palette applied, alpha dropped, 16 bits lose the low byte, CMYK is read as
/// Adobe's inverted CMYK and converted by the simple formula. No gamma or colour profile is applied, nor the EXIF orientation, which is told.
image_status image_read_rgb(const uint8_t *data, size_t length, image_decoded *out);

/// The values of a PNG as stored: palette indices, or grey of at most 8 bits. Anything else is IMAGE_UNSUPPORTED with `kind`, `bits` filled in.
image_status image_read_labels(const uint8_t *data, size_t length, image_decoded *out);

void image_release(image_decoded *image);

/// The EXIF orientation, 1...8, of a PNG or JPEG, of which `data` may be a first part: 0 where more of the file is needed to tell. 1 where the file says
/// nothing or something that is no orientation, and for other files.
int image_orientation(const uint8_t *data, size_t length);

/// Encoded bytes. Owns `data`: give it to image_release_bytes exactly once, also after a failure.
typedef struct {
  uint8_t *data;
  size_t length;
  char message[IMAGE_MESSAGE];
} image_bytes;

/// PNG of 8-bit pixels: channels 3 = RGB; channels 1 = palette indices with `palette_count` RGB entries (1..256), or grey where it is 0.
/// `text` holds `text_pairs` pairs KEY\0VALUE\0; ASCII values become tEXt, others iTXt. Keys: 1..79 printable ASCII characters.
image_status image_write_png(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, const uint8_t *palette, int palette_count,
    const char *text, int text_pairs, int compression, image_bytes *out);

/// Baseline JPEG of RGB pixels, 4:2:0 below quality 90 and 4:4:4 from there.
image_status image_write_jpeg(const uint8_t *pixels, uint32_t width, uint32_t height, int quality, image_bytes *out);

void image_release_bytes(image_bytes *bytes);

/// Asks the C library to keep freed memory for the next image instead of giving it back to the system; does nothing where it cannot be asked.
void image_keep_freed_memory(void);

#ifdef __cplusplus
}
#endif
