/// What Swift cannot import of the HDF5 C API: macros that call functions, and functions whose names are macros chosen by API version.
#pragma once
#include <hdf5.h>
#include <string.h>

static inline hid_t chdf5_native_float(void) { return H5T_NATIVE_FLOAT; }
static inline hid_t chdf5_native_double(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t chdf5_native_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t chdf5_native_uint64(void) { return H5T_NATIVE_UINT64; }
static inline hid_t chdf5_native_uint8(void) { return H5T_NATIVE_UINT8; }
static inline hid_t chdf5_native_uint16(void) { return H5T_NATIVE_UINT16; }

// On disk everything is little-endian, whatever the machine.
static inline hid_t chdf5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_uint8(void) { return H5T_STD_U8LE; }

static inline hid_t chdf5_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t chdf5_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_all(void) { return H5S_ALL; }
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }

/// IEEE 754 binary16, little-endian: the type that NumPy and h5py call float16. The caller closes it. Negative on failure.
static inline hid_t chdf5_make_float16(void) {
  hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  if (type < 0) return type;
  // Fields before size: the size may only shrink to what the fields need.
  if (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 || H5Tset_ebias(type, 15) < 0) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

/// A variable-length string in UTF-8, the kind that h5py reads as `str` (fixed lengths it reads as bytes). The caller closes it. Negative on failure.
static inline hid_t chdf5_make_string(void) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  if (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

/// A variable-length string in memory with the character set of `stored`. The caller closes it. Negative on failure.
static inline hid_t chdf5_make_variable_string(hid_t stored) {
  hid_t type = H5Tcopy(H5T_C_S1);
  if (type < 0) return type;
  if (H5Tset_size(type, H5T_VARIABLE) < 0 || H5Tset_cset(type, H5Tget_cset(stored)) < 0) {
    H5Tclose(type);
    return -1;
  }
  return type;
}

// Builds that are safe for threads, Debian's among them, keep this setting for each thread.
static inline void chdf5_silence(void) {
  static _Thread_local int is_silent = 0;
  if (is_silent) return;
  is_silent = 1;
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

typedef void (*chdf5_visitor)(void *context, const char *name);
typedef struct {
  chdf5_visitor visit;
  void *context;
} chdf5_visit;

static inline herr_t chdf5_visit_link(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  (void)group;
  (void)info;
  chdf5_visit *visit = (chdf5_visit *)data;
  visit->visit(visit->context, name);
  return 0;
}

/// Whether the member `name` of `group` lies in the same file by itself, and is no link to a place of another name. Negative on failure.
static inline int chdf5_is_own(hid_t group, const char *name) {
  H5L_info_t info;
  if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0) return -1;
  return info.type == H5L_TYPE_HARD;
}

/// Whether the elements of a data set lie in its own file, not in external files or in data sets that it is a view of. Negative on failure.
static inline int chdf5_has_own_storage(hid_t dataset, int *is_filtered) {
  hid_t properties = H5Dget_create_plist(dataset);
  if (properties < 0) return -1;
  H5D_layout_t layout = H5Pget_layout(properties);
  int external = layout < 0 ? -1 : H5Pget_external_count(properties);
  int filters = external < 0 ? -1 : H5Pget_nfilters(properties);
  H5Pclose(properties);
  if (filters < 0) return -1;
  *is_filtered = filters > 0;
  return layout != H5D_VIRTUAL && external == 0;
}

/// The first filter of a data set that this library does not have, and its name as the file has it; 0 where it has all. Negative on failure.
static inline int chdf5_missing_filter(hid_t dataset, char *name, size_t size) {
  hid_t properties = H5Dget_create_plist(dataset);
  if (properties < 0) return -1;
  int count = H5Pget_nfilters(properties), found = count < 0 ? -1 : 0;
  for (int i = 0; i < count && found == 0; i++) {
    unsigned flags = 0, config = 0;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL, size, name, &config);
    if (filter < 0) found = -1;
    else if (H5Zfilter_avail(filter) <= 0) found = (int)filter;
  }
  H5Pclose(properties);
  return found;
}

/// The bytes of the file that an object is in; 0 where it cannot be told.
static inline hsize_t chdf5_file_size(hid_t object) {
  hsize_t size = 0;
  hid_t file = H5Iget_file_id(object);
  if (file < 0) return 0;
  if (H5Fget_filesize(file, &size) < 0) size = 0;
  H5Fclose(file);
  return size;
}

/// Makes a group or file creation property list record the order of creation, and no times. Negative on failure.
static inline herr_t chdf5_keep_order(hid_t properties) {
  if (H5Pset_obj_track_times(properties, 0) < 0) return -1;
  return H5Pset_link_creation_order(properties, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
}

/// Makes a file access property list ask for the library's newest format. Negative on failure.
static inline herr_t chdf5_use_newest(hid_t properties) { return H5Pset_libver_bounds(properties, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST); }

/// Calls `visit` with the name of every link of `group`, in order of creation where the group records it, else by name. Negative on failure.
static inline herr_t chdf5_each_link(hid_t group, chdf5_visitor visit, void *context) {
  chdf5_visit data = {visit, context};
  unsigned order = 0;
  hid_t properties = H5Gget_create_plist(group);
  if (properties < 0) return -1;
  H5Pget_link_creation_order(properties, &order);
  H5Pclose(properties);
  hsize_t index = 0;
  H5_index_t by = order & H5P_CRT_ORDER_INDEXED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
  return H5Literate(group, by, H5_ITER_INC, &index, chdf5_visit_link, &data);
}

static inline herr_t chdf5_visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *data) {
  (void)object;
  (void)info;
  chdf5_visit *visit = (chdf5_visit *)data;
  visit->visit(visit->context, name);
  return 0;
}

/// Calls `visit` with the name of every attribute of `object`, by increasing name. Negative on failure.
static inline herr_t chdf5_each_attribute(hid_t object, chdf5_visitor visit, void *context) {
  chdf5_visit data = {visit, context};
  hsize_t index = 0;
  return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &index, chdf5_visit_attribute, &data);
}

static inline herr_t chdf5_visit_error(unsigned depth, const H5E_error2_t *error, void *data) {
  (void)depth;
  chdf5_visit *visit = (chdf5_visit *)data;
  visit->visit(visit->context, error->desc ? error->desc : "");
  return 0;
}

/// Calls `visit` with the description of every entry of the current error stack, the innermost (the cause) first.
static inline void chdf5_each_error(chdf5_visitor visit, void *context) {
  chdf5_visit data = {visit, context};
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, chdf5_visit_error, &data);
}
