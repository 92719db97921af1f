// LZ4's own headers: the fast and the high compressor, and the safe decompressor.
#ifndef CAUSEWAY_CLZ4_SHIM_H
#define CAUSEWAY_CLZ4_SHIM_H
#include <lz4.h>
#include <lz4hc.h>
#endif
