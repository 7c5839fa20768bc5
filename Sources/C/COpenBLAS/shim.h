#pragma once
#include <cblas.h>

/* OpenBLAS' own controls, absent from the reference cblas.h. */
void openblas_set_num_threads(int count);
int openblas_get_num_threads(void);
char *openblas_get_corename(void);
char *openblas_get_config(void);
