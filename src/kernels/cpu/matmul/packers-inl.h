// The Packers of one instruction set: what avx2.cc and avx512.cc share of packing.
// Included once inside the anonymous namespace of each, which has defined before
//   STEMMA_PACK            the target attribute of its functions
//   Vector, kLanes         a vector of floats, and how many it holds
//   load_vector(const T*)  a vector of float, bf16 or f16, widened
//   store_vector(float*, Vector), round_to_bf16(Vector)
//   copy_from<T>, transpose_from<T>  Packers::copy and transpose for one element type
//   kStripRows, kStripsAtOnce        rows of a strip, strips that are copied at once
//   kFarRows               rows of memory that are prefetched ahead
// This is text that each file compiles for itself, not a template that both instantiate: the linker
// could take one copy of a template's function for both, and run it on machines that lack its
// instructions.

// kParts pieces of `kVectors` vectors, of which kWidth columns are each one's own, from rows that
// they share; piece i goes to `to` + i · distance, in rows of kWidth.
template <int kParts, int kVectors, int kWidth, class T>
STEMMA_PACK void copy_parts(const PackSource& piece, std::int64_t depth, std::int64_t distance,
                            float* to) {
  constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  const T* from = static_cast<const T*>(piece.data);
  // The rows lie far apart: no hardware prefetcher follows.
  const std::int64_t far = kFarRows * piece.stride;
  for (std::int64_t k = 0; k < depth; ++k, from += piece.stride, to += kWidth) {
#pragma GCC unroll 8
    for (std::int64_t at = 0; at < kParts * kWidth; at += kLine)
      _mm_prefetch(reinterpret_cast<const std::byte*>(from + far + at), _MM_HINT_T0);
#pragma GCC unroll 16
    for (int part = 0; part < kParts; ++part)
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const Vector x = load_vector(from + part * kWidth + kLanes * v);
        store_vector(to + part * distance + kLanes * v, piece.round ? round_to_bf16(x) : x);
      }
  }
}

template <int kParts, int kWidth>
void copy_many(const PackSource& piece, std::int64_t depth, std::int64_t distance, float* to) {
  constexpr int kVectors = (kWidth + kLanes - 1) / kLanes;
  with_element(piece.dtype, [&]<class T>(T) {
    copy_parts<kParts, kVectors, kWidth, T>(piece, depth, distance, to);
  });
}

void copy(const PackSource& piece, const PackShape& shape, float* to) {
  with_element(piece.dtype, [&]<class T>(T) { copy_from<T>(piece, shape, to); });
}
void transpose(const PackSource& piece, const PackShape& shape, float* to) {
  with_element(piece.dtype, [&]<class T>(T) { transpose_from<T>(piece, shape, to); });
}

constexpr int kPanelsAtOnce = 4;
constexpr Packers kPackers{.copy = copy,
                           .transpose = transpose,
                           .strip_rows = kStripRows,
                           .strips_at_once = kStripsAtOnce,
                           .panels_at_once = kPanelsAtOnce,
                           .copy_strips = copy_many<kStripsAtOnce, kStripRows>,
                           .copy_panels = copy_many<kPanelsAtOnce, kPanelWidth>,
                           .copy_panel = copy_many<1, kPanelWidth>};
using Pack = PackWith<kPackers>;
