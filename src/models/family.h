// The members of the family: what each is called, how it is built, which sizes were published.
//
//   const ModelConfig config = published_config("gpt2-355m");
//   for (const Family* family : families()) print(family->name, family->about);
//
// A new member is one file beside this one that defines its Family, and its name in the list of
// family.cc; docs/add-a-model.md tells the story of one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/model.h"

namespace stemma {

struct PublishedSize {
  std::vector<std::string_view> names;  // the first is the usual one
  ModelConfig config;
};

struct Family {
  std::string_view name;   // what a configuration and --family say
  std::string_view about;  // one line for help texts
  // A configuration without sizes: the family's activation, epsilon, dropout, initialisation.
  ModelConfig (*defaults)();
  // The width of the feed-forward that goes with C channels, where only C is chosen.
  std::int64_t (*hidden_of)(std::int64_t channels);
  // The attention pattern of each layer where only their number is chosen; null: dense everywhere.
  std::vector<kernels::AttentionPattern> (*patterns_of)(std::int64_t layers) = nullptr;
  // Throws invalid_argument where this family cannot be built with the configuration.
  void (*check)(const ModelConfig& config);
  std::unique_ptr<Model> (*build)(const ModelConfig& config, nn::WeightSource& source);
  std::vector<PublishedSize> (*published)();
  // Whether a head that is the token embedding may have a bias of its own (BERT's).
  bool tied_head_may_have_bias = false;
};

std::span<const Family* const> families();
std::vector<std::string_view> family_names();
// Throws invalid_argument naming the families that there are.
const Family& family_named(std::string_view name);

// The family and the published size that are taken where none is named.
std::string_view default_family_name();
std::string_view default_model_name();

// A published size of any family by one of its names. Throws not_found, listing them.
ModelConfig published_config(std::string_view name);
bool is_published(std::string_view name);
// The usual names of all published sizes, with commas: for help texts.
std::string published_model_names();

}  // namespace stemma
