// Token ids and their places in the text as NumPy's .npy, format version 1.0, C order.
// Source: numpy.lib.format ("A simple file format for NumPy arrays").
//
//   AtomicFile file("ids.npy");
//   write_ids(file, ids);                             // little-endian u32
//   file.commit();
//   std::vector<std::int32_t> ids = read_ids("ids.npy");
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/file.h"
#include "text/offsets.h"

namespace stemma::cli {

// One row. Throws device.
void write_ids(AtomicFile& file, std::span<const std::int32_t> ids);

// [N, 2] little-endian u64: begin and end of each. Throws device.
void write_ranges(AtomicFile& file, std::span<const ByteRange> ranges);

// One row of u16, u32, i32 or i64, little-endian. Throws not_found, corrupt (damaged, or an id
// that does not fit 31 bits), unsupported (another type, shape or version).
std::vector<std::int32_t> read_ids(const std::filesystem::path& path);

}  // namespace stemma::cli
