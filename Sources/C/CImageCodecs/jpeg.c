#include <stddef.h>
#include <stdio.h>
// stdio.h first: jpeglib.h uses FILE.
#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "codecs.h"

// A progressive file can be made of thousands of tiny scans that each cost a pass over the whole picture.
enum { MAX_SCANS = 500 };

// Every block of 8 x 8 values takes a bit at least: its first Huffman code. Some component has blocks over at most 8 x 16 pixels each, since with
// sampling factors up to 4 one that is coarse in one direction is needed to make another coarse in the other. So a byte holds at most 8 * 128
// pixels, and a shorter file gets no memory for what it claims. Arithmetic coding, which cameras do not use, could do with less and is held to the same.
enum { MAX_PIXELS_PER_BYTE = 8 * 128 };

typedef struct {
  struct jpeg_error_mgr manager;
  jmp_buf escape;
  char *message;
  image_status status;
} jpeg_errors;

static void fail(j_common_ptr info) {
  jpeg_errors *errors = (jpeg_errors *)info->err;
  char text[JMSG_LENGTH_MAX];
  info->err->format_message(info, text);
  image_message(errors->message, "damaged JPEG: %s", text);
  if (info->err->msg_code == JERR_OUT_OF_MEMORY) errors->status = IMAGE_NO_MEMORY;
  longjmp(errors->escape, 1);
}

// libjpeg warns of missing data and fills the rest with grey. Such a picture would train a network on noise, so it is an error here;
// only the warnings that leave every pixel as it was stored pass.
static void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_ARITH_BAD_CODE:
      fail(info);
      break;
    default: info->err->num_warnings++;
  }
}

static void on_progress(j_common_ptr info) {
  j_decompress_ptr reader = (j_decompress_ptr)info;
  if (!info->is_decompressor || reader->input_scan_number <= MAX_SCANS) return;
  jpeg_errors *errors = (jpeg_errors *)info->err;
  image_message(errors->message, "damaged JPEG: more than %d scans", MAX_SCANS);
  longjmp(errors->escape, 1);
}

static void install(jpeg_errors *errors, char *message) {
  jpeg_std_error(&errors->manager);
  errors->manager.error_exit = fail;
  errors->manager.emit_message = on_message;
  errors->message = message;
  errors->status = IMAGE_DAMAGED;
}

static image_kind kind_of(J_COLOR_SPACE space) {
  switch (space) {
    case JCS_GRAYSCALE: return IMAGE_KIND_GREY;
    case JCS_CMYK:
    case JCS_YCCK: return IMAGE_KIND_CMYK;
    default: return IMAGE_KIND_RGB;
  }
}

static uint8_t scaled(unsigned a, unsigned b) {
  unsigned t = a * b + 128;
  return (uint8_t)(((t >> 8) + t) >> 8);
}

// Adobe stores CMYK inverted (255 = no ink), and so does practically every CMYK JPEG: R = C' K' / 255 up to the rounding of
// K' - (255 - C') K' / 255, which is the form used here.
static void rgb_from_inverted_cmyk(const uint8_t *in, uint8_t *out, uint32_t width) {
  for (uint32_t x = 0; x < width; x++, in += 4, out += 3) {
    for (int c = 0; c < 3; c++) out[c] = (uint8_t)(in[3] - scaled(255u - in[c], in[3]));
  }
}

typedef struct {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_progress_mgr progress;
  jpeg_errors errors;
  uint8_t *line;
} jpeg_reader;

static image_status decode(jpeg_reader *reader, image_decoded *out) {
  j_decompress_ptr jpeg = &reader->jpeg;
  jpeg->out_color_space = out->kind == IMAGE_KIND_CMYK ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(jpeg);
  size_t stride = (size_t)out->width * 3;
  out->channels = 3;
  out->pixels = malloc(stride * out->height);
  if (out->kind == IMAGE_KIND_CMYK) reader->line = malloc((size_t)out->width * 4);
  if (!out->pixels || (out->kind == IMAGE_KIND_CMYK && !reader->line)) {
    image_message(out->message, "not enough memory for %u x %u pixels", out->width, out->height);
    return IMAGE_NO_MEMORY;
  }
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *row = out->pixels + stride * jpeg->output_scanline;
    JSAMPROW target = reader->line ? reader->line : row;
    jpeg_read_scanlines(jpeg, &target, 1);
    if (reader->line) rgb_from_inverted_cmyk(reader->line, row, out->width);
  }
  jpeg_finish_decompress(jpeg);
  return IMAGE_OK;
}

static image_status read_with(jpeg_reader *reader, const uint8_t *data, size_t length, image_purpose purpose, image_decoded *out) {
  if (setjmp(reader->errors.escape)) return reader->errors.status;
  j_decompress_ptr jpeg = &reader->jpeg;
  jpeg_create_decompress(jpeg);
  reader->progress.progress_monitor = on_progress;
  jpeg->progress = &reader->progress;
  jpeg_mem_src(jpeg, data, length);
  jpeg_read_header(jpeg, TRUE);
  out->width = jpeg->image_width;
  out->height = jpeg->image_height;
  out->bits = jpeg->data_precision;
  out->kind = kind_of(jpeg->jpeg_color_space);
  image_status status = image_check_size(out->width, out->height, out->message);
  if (status != IMAGE_OK || purpose == FOR_HEADER) return status;
  if (purpose == FOR_LABELS) return IMAGE_UNSUPPORTED;
  if ((uint64_t)out->width * out->height / MAX_PIXELS_PER_BYTE > length) {
    image_message(out->message, "damaged JPEG: the file of %zu bytes cannot hold %u x %u pixels", length, out->width, out->height);
    return IMAGE_DAMAGED;
  }
  return decode(reader, out);
}

image_status image_read_jpeg(const uint8_t *data, size_t length, image_purpose purpose, image_decoded *out) {
  out->format = IMAGE_FORMAT_JPEG;
  jpeg_reader reader;
  memset(&reader, 0, sizeof reader);
  install(&reader.errors, out->message);
  reader.jpeg.err = &reader.errors.manager;
  image_status status = read_with(&reader, data, length, purpose, out);
  free(reader.line);
  jpeg_destroy_decompress(&reader.jpeg);
  return status;
}

typedef struct {
  struct jpeg_compress_struct jpeg;
  jpeg_errors errors;
  unsigned char *data;
  unsigned long length;
} jpeg_writer;

static image_status write_with(jpeg_writer *writer, const uint8_t *pixels, uint32_t width, uint32_t height, int quality) {
  if (setjmp(writer->errors.escape)) return writer->errors.status;
  j_compress_ptr jpeg = &writer->jpeg;
  jpeg_create_compress(jpeg);
  jpeg_mem_dest(jpeg, &writer->data, &writer->length);
  jpeg->image_width = width;
  jpeg->image_height = height;
  jpeg->input_components = 3;
  jpeg->in_color_space = JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, quality, TRUE);
  if (quality >= 90) jpeg->comp_info[0].h_samp_factor = jpeg->comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(jpeg, TRUE);
  while (jpeg->next_scanline < jpeg->image_height) {
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)width * 3 * jpeg->next_scanline);
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
  return IMAGE_OK;
}

image_status image_write_jpeg(const uint8_t *pixels, uint32_t width, uint32_t height, int quality, image_bytes *out) {
  memset(out, 0, sizeof *out);
  image_status status = image_check_size(width, height, out->message);
  if (status != IMAGE_OK) return status;
  jpeg_writer writer;
  memset(&writer, 0, sizeof writer);
  install(&writer.errors, out->message);
  writer.jpeg.err = &writer.errors.manager;
  status = write_with(&writer, pixels, width, height, quality);
  jpeg_destroy_compress(&writer.jpeg);
  // After a failure libjpeg may have replaced and freed the buffer that `data` names.
  if (status != IMAGE_OK) return status;
  out->data = writer.data;
  out->length = writer.length;
  return status;
}
