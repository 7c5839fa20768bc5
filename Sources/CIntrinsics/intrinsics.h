#pragma once

/* Asks for the cache line at `address` ahead of its use. Any address may be given: one without memory is ignored. */
static inline void cintrinsics_prefetch(const float *_Nonnull address) { __builtin_prefetch(address); }
