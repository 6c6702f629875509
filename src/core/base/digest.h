// SPDX-License-Identifier: Apache-2.0
// Checksums and hashes of bytes.
#ifndef LEAT_CORE_BASE_DIGEST_H
#define LEAT_CORE_BASE_DIGEST_H

#include "core/base/bytes.h"

// CRC-32C (Castagnoli, RFC 3720 B.4), as in iSCSI, ext4, Kafka. `seed` 0 to start, or an earlier result to go on.
uint32_t digest_crc32c(uint32_t seed, Slice bytes);
// CRC-32 (ISO-HDLC), as in gzip, Parquet, Avro's snappy.
uint32_t digest_crc32(uint32_t seed, Slice bytes);
// 64 well-mixed bits, for hash tables. Targets know a Kafka cluster by them (topic_feed.c), so they never change.
uint64_t digest_hash(Slice bytes);

#endif
