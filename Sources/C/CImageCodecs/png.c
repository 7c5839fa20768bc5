#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "codecs.h"

// Everything that must outlive a longjmp is here, and the struct is the caller's, so no local is clobbered.
typedef struct {
  jmp_buf escape;
  char *message;
  png_structp png;
  png_infop info;
  const uint8_t *data;
  size_t length, position;
  png_bytep *rows;
  png_text *texts;
  image_bytes *bytes;
  size_t capacity;
  image_status status;
} png_state;

static void on_error(png_structp png, png_const_charp text) {
  png_state *state = png_get_error_ptr(png);
  if (state->message[0] == 0) image_message(state->message, "damaged PNG: %s", text);
  longjmp(state->escape, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void take(png_structp png, png_bytep out, size_t count) {
  png_state *state = png_get_io_ptr(png);
  if (count > state->length - state->position) png_error(png, "the file is truncated");
  memcpy(out, state->data + state->position, count);
  state->position += count;
}

static image_status cannot_start(char *message) {
  image_message(message, "libpng cannot start");
  return IMAGE_NO_MEMORY;
}

static image_kind kind_of(int type) {
  switch (type) {
    case PNG_COLOR_TYPE_GRAY: return IMAGE_KIND_GREY;
    case PNG_COLOR_TYPE_GRAY_ALPHA: return IMAGE_KIND_GREY_ALPHA;
    case PNG_COLOR_TYPE_PALETTE: return IMAGE_KIND_PALETTE;
    case PNG_COLOR_TYPE_RGB: return IMAGE_KIND_RGB;
    default: return IMAGE_KIND_RGB_ALPHA;
  }
}

static void ask_for_rgb(png_structp png, const image_decoded *out) {
  if (out->kind == IMAGE_KIND_PALETTE) png_set_palette_to_rgb(png);
  if (out->kind == IMAGE_KIND_GREY || out->kind == IMAGE_KIND_GREY_ALPHA) {
    if (out->bits < 8) png_set_expand_gray_1_2_4_to_8(png);
    png_set_gray_to_rgb(png);
  }
  if (out->bits == 16) png_set_strip_16(png);
  png_set_strip_alpha(png);
}

static image_status ask_for_labels(png_state *state, image_decoded *out) {
  if ((out->kind != IMAGE_KIND_PALETTE && out->kind != IMAGE_KIND_GREY) || out->bits > 8) return IMAGE_UNSUPPORTED;
  png_set_packing(state->png);
  png_colorp colours = NULL;
  int count = 0;
  if (png_get_PLTE(state->png, state->info, &colours, &count) && out->kind == IMAGE_KIND_PALETTE) {
    out->palette_count = count;
    for (int i = 0; i < count && i < 256; i++) {
      out->palette[3 * i] = colours[i].red;
      out->palette[3 * i + 1] = colours[i].green;
      out->palette[3 * i + 2] = colours[i].blue;
    }
  }
  return IMAGE_OK;
}

static image_status copy_text(png_state *state, image_decoded *out) {
  png_textp texts = NULL;
  int count = 0;
  png_get_text(state->png, state->info, &texts, &count);
  size_t total = 0;
  for (int i = 0; i < count; i++) total += strlen(texts[i].key) + (texts[i].text ? strlen(texts[i].text) : 0) + 2;
  free(out->text);
  out->text = NULL;
  out->text_length = 0;
  if (total == 0) return IMAGE_OK;
  out->text = malloc(total);
  if (!out->text) return IMAGE_NO_MEMORY;
  char *end = out->text;
  for (int i = 0; i < count; i++) {
    const char *parts[2] = {texts[i].key, texts[i].text ? texts[i].text : ""};
    for (int k = 0; k < 2; k++) {
      size_t n = strlen(parts[k]) + 1;
      memcpy(end, parts[k], n);
      end += n;
    }
  }
  out->text_length = total;
  return IMAGE_OK;
}

static image_status read_pixels(png_state *state, image_decoded *out) {
  png_set_interlace_handling(state->png);
  png_read_update_info(state->png, state->info);
  size_t stride = png_get_rowbytes(state->png, state->info);
  if (stride != (size_t)out->width * out->channels) png_error(state->png, "unexpected row size");
  out->pixels = malloc(stride * out->height);
  state->rows = malloc(sizeof(png_bytep) * out->height);
  if (!out->pixels || !state->rows) {
    image_message(out->message, "not enough memory for %u x %u pixels", out->width, out->height);
    return IMAGE_NO_MEMORY;
  }
  for (uint32_t y = 0; y < out->height; y++) state->rows[y] = out->pixels + stride * y;
  png_read_image(state->png, state->rows);
  png_read_end(state->png, state->info);
  return copy_text(state, out);
}

// libpng takes memory for as many bytes as a chunk other than of pixels claims, before it finds that the file has fewer.
static int chunks_fit(const png_state *state) {
  for (size_t at = 8; state->length - at >= 8;) {
    const uint8_t *chunk = state->data + at;
    size_t length = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
    if (memcmp(chunk + 4, "IEND", 4) == 0) return 1;
    int is_pixels = memcmp(chunk + 4, "IDAT", 4) == 0;
    if (length > state->length - at - 8) {
      if (is_pixels) return 1;
      image_message(state->message, "damaged PNG: a chunk of %zu bytes in a file of %zu", length, state->length);
      return 0;
    }
    if (state->length - at - 8 - length < 4) return 1;
    at += length + 12;
  }
  return 1;
}

static image_status read_with(png_state *state, image_purpose purpose, image_decoded *out) {
  if (!chunks_fit(state)) return IMAGE_DAMAGED;
  if (setjmp(state->escape)) return state->status;
  state->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
  if (state->png) state->info = png_create_info_struct(state->png);
  if (!state->info) return cannot_start(out->message);
  png_set_read_fn(state->png, state, take);
#ifdef PNG_SET_USER_LIMITS_SUPPORTED
  // libpng takes memory for as many bytes as a chunk claims, which are in the file if it is sound. Packed text may grow to 8 MB.
  png_set_chunk_malloc_max(state->png, state->length > 8000000 ? state->length : 8000000);
#endif
#ifdef PNG_IGNORE_ADLER32
  // The CRC of every chunk is checked, which finds damage; zlib's checksum over the pixels would cost a tenth of a mask's decoding again.
  png_set_option(state->png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
#endif
  png_read_info(state->png, state->info);
  out->width = png_get_image_width(state->png, state->info);
  out->height = png_get_image_height(state->png, state->info);
  out->bits = png_get_bit_depth(state->png, state->info);
  out->kind = kind_of(png_get_color_type(state->png, state->info));
  image_status status = image_check_size(out->width, out->height, out->message);
  if (status != IMAGE_OK) return status;
  if (purpose == FOR_HEADER) return copy_text(state, out);
  // Deflate packs at most 1032:1, so a file that is shorter cannot hold the pixels: no memory is taken for them.
  uint64_t bits = (uint64_t)out->width * out->height * out->bits * png_get_channels(state->png, state->info);
  if (bits / 8 / 1032 > state->length) {
    image_message(
        out->message, "damaged PNG: the file of %zu bytes cannot hold %u x %u pixels", state->length, out->width, out->height);
    return IMAGE_DAMAGED;
  }
  out->channels = purpose == FOR_RGB ? 3 : 1;
  if (purpose == FOR_RGB) {
    ask_for_rgb(state->png, out);
  } else {
    status = ask_for_labels(state, out);
    if (status != IMAGE_OK) return status;
  }
  return read_pixels(state, out);
}

image_status image_read_png(const uint8_t *data, size_t length, image_purpose purpose, image_decoded *out) {
  png_state state = {.message = out->message, .data = data, .length = length, .status = IMAGE_DAMAGED};
  out->format = IMAGE_FORMAT_PNG;
  image_status status = read_with(&state, purpose, out);
  free(state.rows);
  png_destroy_read_struct(&state.png, &state.info, NULL);
  return status;
}

static void give(png_structp png, png_bytep data, size_t count) {
  png_state *state = png_get_io_ptr(png);
  image_bytes *bytes = state->bytes;
  if (bytes->length + count > state->capacity) {
    size_t capacity = (bytes->length + count) * 2;
    uint8_t *grown = realloc(bytes->data, capacity);
    if (!grown) {
      state->status = IMAGE_NO_MEMORY;
      png_error(png, "not enough memory");
    }
    bytes->data = grown;
    state->capacity = capacity;
  }
  memcpy(bytes->data + bytes->length, data, count);
  bytes->length += count;
}

static void flush(png_structp png) { (void)png; }

static int is_ascii(const char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text >= 128) return 0;
  }
  return 1;
}

static void set_text(png_state *state, const char *text, int pairs) {
  if (pairs <= 0) return;
  state->texts = calloc((size_t)pairs, sizeof(png_text));
  if (!state->texts) png_error(state->png, "not enough memory");
  for (int i = 0; i < pairs; i++) {
    png_text *entry = &state->texts[i];
    entry->key = (char *)text;
    text += strlen(text) + 1;
    entry->text = (char *)text;
    size_t length = strlen(text);
    text += length + 1;
    if (is_ascii(entry->text)) {
      entry->compression = PNG_TEXT_COMPRESSION_NONE;
      entry->text_length = length;
    } else {
      entry->compression = PNG_ITXT_COMPRESSION_NONE;
      entry->itxt_length = length;
      entry->lang = (char *)"";
      entry->lang_key = (char *)"";
    }
  }
  png_set_text(state->png, state->info, state->texts, pairs);
}

typedef struct {
  const uint8_t *pixels;
  uint32_t width, height;
  int channels;
  const uint8_t *palette;
  int palette_count;
  const char *text;
  int text_pairs, compression;
} png_plan;

static image_status write_with(png_state *state, const png_plan *plan) {
  if (setjmp(state->escape)) return state->status;
  state->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, state, on_error, on_warning);
  if (state->png) state->info = png_create_info_struct(state->png);
  if (!state->info) return cannot_start(state->message);
  png_structp png = state->png;
  png_set_write_fn(png, state, give, flush);
  png_set_compression_level(png, plan->compression);
  int type = plan->channels == 3 ? PNG_COLOR_TYPE_RGB : plan->palette_count > 0 ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY;
  png_set_IHDR(
      png, state->info, plan->width, plan->height, 8, type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (type == PNG_COLOR_TYPE_PALETTE) {
    png_color colours[256];
    for (int i = 0; i < plan->palette_count; i++) {
      const uint8_t *rgb = plan->palette + 3 * i;
      colours[i] = (png_color){rgb[0], rgb[1], rgb[2]};
    }
    png_set_PLTE(png, state->info, colours, plan->palette_count);
  }
  set_text(state, plan->text, plan->text_pairs);
  png_write_info(png, state->info);
  size_t stride = (size_t)plan->width * plan->channels;
  for (uint32_t y = 0; y < plan->height; y++) png_write_row(png, plan->pixels + stride * y);
  png_write_end(png, state->info);
  return IMAGE_OK;
}

image_status image_write_png(
    const uint8_t *pixels, uint32_t width, uint32_t height, int channels, const uint8_t *palette, int palette_count,
    const char *text, int text_pairs, int compression, image_bytes *out) {
  memset(out, 0, sizeof *out);
  png_plan plan = {pixels, width, height, channels, palette, palette_count, text, text_pairs, compression};
  png_state state = {.message = out->message, .bytes = out, .status = IMAGE_UNSUPPORTED};
  image_status status = image_check_size(width, height, out->message);
  if (status != IMAGE_OK) return status;
  status = write_with(&state, &plan);
  free(state.texts);
  png_destroy_write_struct(&state.png, &state.info);
  return status;
}
