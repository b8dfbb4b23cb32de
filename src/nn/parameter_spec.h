// The one declaration of a parameter. A model states each of its parameters once, while it is built
// (nn/weight_source.h); counts, FLOP, memory plans, weight decay, names in checkpoints, slices for
// several ranks and the targets of adapters are derived from the list of these.
//
//   source.load({.name = "blocks.0.attention.qkv.weight", .shape = {3 * c, c},
//                .init = Init::normal(0.02), .role = Role::matrix, .parts = {...}});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace stemma::nn {

// How a fresh parameter starts.
struct Init {
  enum class Kind : std::uint8_t { zeros, ones, normal } kind = Kind::zeros;
  double stddev = 0;  // normal: N(0, stddev²)

  static Init zeros() { return {}; }
  static Init ones() { return {Kind::ones, 0}; }
  static Init normal(double stddev) { return {Kind::normal, stddev}; }
};

// What a parameter is for.
enum class Role : std::uint8_t {
  matrix,   // [out, in], multiplied: packed for the product when a model serves
  table,    // [rows, columns], only ever read row by row: position and segment embeddings
  vector,   // [size], a bias or a gain: always f32, never decayed
  experts,  // [experts, out, in], one matrix for each expert
};

// A range of the rows of a fused matrix: q, k and v of attention, gate and up of a gated
// feed-forward. Several ranks cut each part by whole heads, adapters name parts.
struct Part {
  std::string name;
  std::int64_t rows = 0;
  std::int64_t heads = 1;  // the part can be cut into this many equal slices
};

struct ParameterSpec {
  std::string name;  // global: "blocks.3.feed_forward.up.weight"
  Shape shape;       // rank 1 to 3
  Init init;
  Role role = Role::matrix;
  std::vector<Part> parts;  // empty: one part

  std::int64_t elements() const { return shape.elements(); }
  // Whether weight decay applies: to everything that is not a bias or a gain (Radford et al. 2018).
  bool decays() const { return role != Role::vector; }
};

}  // namespace stemma::nn
