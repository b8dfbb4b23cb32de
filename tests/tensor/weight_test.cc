#include "tensor/weight.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace stemma {
namespace {

TEST(Weight, RowsOfEveryEncodingAndRank) {
  struct Row {
    DType type;
    Weight::Encoding encoding;
    const char* name;
    bool trainable;
  };
  for (const Row& row : {Row{DType::f32, Weight::Encoding::f32, "f32", true},
                         Row{DType::bf16, Weight::Encoding::bf16, "bf16", false},
                         Row{DType::f16, Weight::Encoding::f16, "f16", false},
                         Row{DType::f64, Weight::Encoding::f64, "f64", true}}) {
    const Weight vector(Tensor::zeros({7}, row.type)), matrix(Tensor::zeros({7, 5}, row.type)),
        experts(Tensor::zeros({3, 7, 5}, row.type));
    for (const Weight& w : {vector, matrix, experts}) {
      EXPECT_TRUE(w);
      EXPECT_EQ(w.layout(), Weight::Layout::rows);
      EXPECT_EQ(w.encoding(), row.encoding);
      EXPECT_EQ(to_string(w.encoding()), row.name);
      EXPECT_EQ(w.dtype(), row.type);
      EXPECT_EQ(w.trainable_storage(), row.trainable);
      EXPECT_EQ(w.out(), 7);
      EXPECT_EQ(w.shape(), w.value().shape());
      EXPECT_FALSE(w.scales());
    }
    EXPECT_EQ(vector.in(), 1);
    EXPECT_EQ(matrix.in(), 5);
    EXPECT_EQ(experts.in(), 5);
    EXPECT_EQ(matrix.experts(), 1);
    EXPECT_EQ(experts.experts(), 3);
    EXPECT_TRUE(matrix.is_matrix());
    EXPECT_FALSE(vector.is_matrix() || experts.is_matrix());
  }
}

TEST(Weight, PanelsKnowTheMatrixThatTheyHold) {
  const Weight w = Weight::panels(Tensor::zeros({3, 5, 32}, DType::f16), 70);
  EXPECT_EQ(w.layout(), Weight::Layout::panels);
  EXPECT_EQ(to_string(w.layout()), "panels");
  EXPECT_EQ(w.encoding(), Weight::Encoding::f16);
  EXPECT_EQ(w.shape(), (Shape{70, 5}));
  EXPECT_EQ(w.out(), 70);
  EXPECT_EQ(w.in(), 5);
  EXPECT_TRUE(w.is_matrix());
  EXPECT_FALSE(w.trainable_storage());
  EXPECT_FALSE(Weight::panels(Tensor::zeros({3, 5, 32}, DType::f32), 70).trainable_storage());
}

TEST(Weight, AnEmptyOneHoldsNothing) {
  const Weight w;
  EXPECT_FALSE(w);
  EXPECT_EQ(w.out(), 0);
  EXPECT_EQ(w.in(), 0);
}

TEST(Weight, RefusesWhatIsNoWeight) {
  const auto refused = [](auto&& make) {
    try {
      make();
      ADD_FAILURE() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    }
  };
  refused([] { Weight(Tensor::zeros({2, 2, 2, 2}, DType::f32)); });
  refused([] { Weight(Tensor::zeros({}, DType::f32)); });
  refused([] { Weight(Tensor::zeros({2, 2}, DType::i32)); });
  refused([] { Weight::panels(Tensor::zeros({2, 5, 32}, DType::f32), 70); });
  refused([] { Weight::panels(Tensor::zeros({3, 5, 16}, DType::f32), 70); });
  refused([] { Weight::panels(Tensor::zeros({3, 5, 32}, DType::i32), 70); });
}

}  // namespace
}  // namespace stemma
