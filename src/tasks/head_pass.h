// From examples to a batch, and from the states of a batch to the scores of a task's head.
//
//   Batch batch;
//   append(batch, task, example, number);              // any number of examples
//   const Tensor scores = head_scores(states, head_of(states.model));   // [M, K]
#pragma once

#include <cstdint>
#include <vector>

#include "tasks/task.h"
#include "tensor/batch.h"
#include "train/objective.h"

namespace stemma::tasks {

// Adds an example to a batch: its sequences, and to batch.heads[head] what the head reads. `head`:
// its place in ModelConfig::task_heads, of `heads` in all. `number`: of the example in its training
// step, a dropout counter. An example without `wanted` weighs nothing in the loss. An empty batch
// begins with clear_batch().
void append(Batch& batch, const Task& task, const EncodedExample& example, std::int64_t number,
            std::size_t head = 0);
void clear_batch(Batch& batch, std::size_t heads = 1);

// scale · Σ weight · loss of each answer: a root of the tape.
Tensor head_loss(const train::States& states, const Task& task, const Tensor& scores, double scale,
                 std::size_t head = 0);

// A head, and the pooler before it (null: none).
struct HeadParts {
  const nn::Linear* scores = nullptr;
  const nn::Pooler* pooler = nullptr;
};
// Those of the model itself.
HeadParts head_of(const Model& model, std::size_t head = 0);

// The vectors that a head reads, dropout in training passes, and its linear layer: [M, K] f32.
Tensor head_scores(const train::States& states, const HeadParts& parts, std::size_t head = 0);

}  // namespace stemma::tasks
