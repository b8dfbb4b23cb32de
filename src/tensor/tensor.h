// An array of numbers with a shape, as every operation takes and gives it. A Tensor is a small
// handle: copies share the memory, which is freed with the last of them.
//
//   Tensor x = Tensor::empty({32, 768}, DType::f32);
//   float* row = x.data<float>() + 3 * x.row_stride();
//
// Up to four dimensions, the last of which is the columns; all others together are the rows. The
// elements of a row are contiguous, rows may lie further apart (row_stride()), so that ranges of
// columns are views.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "device/memory.h"
#include "tensor/dtype.h"

namespace stemma {

class Shape {
 public:
  Shape() = default;
  // Throws invalid_argument: more than 4 dimensions, a negative one, more than 2^62 elements.
  Shape(std::initializer_list<std::int64_t> dims);

  int rank() const { return rank_; }
  // Negative i counts from the end.
  std::int64_t operator[](int i) const { return dims_[i < 0 ? i + rank_ : i]; }
  std::int64_t elements() const;
  std::string to_string() const;  // "[32, 768]"
  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, 4> dims_{};
  int rank_ = 0;
};

class Tensor {
 public:
  Tensor() = default;  // empty: holds nothing

  // Uninitialised / zeroed memory. Throws out_of_memory.
  static Tensor empty(Shape shape, DType type, Allocator& allocator = heap());
  static Tensor zeros(Shape shape, DType type, Allocator& allocator = heap());
  // A dense tensor at a byte offset inside existing storage. Throws invalid_argument out of bounds.
  static Tensor in(const StorageRef& storage, std::size_t offset_bytes, Shape shape, DType type);

  explicit operator bool() const { return storage_.get() != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(int i) const { return shape_[i]; }
  std::int64_t cols() const { return shape_.rank() ? shape_[-1] : 1; }
  std::int64_t rows() const { return cols() ? shape_.elements() / cols() : 0; }
  std::int64_t elements() const { return shape_.elements(); }
  std::int64_t row_stride() const { return row_stride_; }  // in elements
  bool contiguous() const { return row_stride_ == cols() || rows() <= 1; }

  void* raw() const { return data_; }
  template <class T>
  T* data() const {
    check_dtype(dtype_of<T>::value);
    return static_cast<T*>(data_);
  }

  // Views of the same memory. columns() keeps the row stride; reshape() needs contiguous memory.
  Tensor columns(std::int64_t begin, std::int64_t end) const;
  Tensor slice_rows(std::int64_t begin, std::int64_t end) const;  // rank 2
  Tensor reshape(Shape shape) const;

  // What the tape knows this value as: 0 nothing (no gradient), < 0 parameter -1-i of the model
  // whose weights lie in this storage (Tape::bind), > 0 the output of a recorded operation. Views
  // do not inherit it.
  std::int32_t variable() const { return variable_; }
  void set_variable(std::int32_t variable) { variable_ = variable; }
  const StorageRef& storage() const { return storage_; }

 private:
  void check_dtype(DType wanted) const;  // throws internal

  StorageRef storage_;
  void* data_ = nullptr;
  Shape shape_;
  std::int64_t row_stride_ = 0;
  std::int32_t variable_ = 0;
  DType dtype_ = DType::f32;
};

}  // namespace stemma
