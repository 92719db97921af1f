// Checksums and byte-plane transforms over stored bytes.
#ifndef CAUSEWAY_CK_BYTES_H
#define CAUSEWAY_CK_BYTES_H
#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, RFC 3720 B.4) of `count` bytes, continuing from `crc` (0 at the start).
uint32_t ck_crc32c(uint32_t crc, const void *bytes, size_t count);
#endif
