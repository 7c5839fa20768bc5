#define TABLE ckernels_portable_table
#define LANES 4
#define MOST_PANELS 1
#if defined(__aarch64__)
#define MOST_ROWS 6
#else
#define MOST_ROWS 2
#endif
#include "kernels.h"
