#include "text/grammar/regex/regex.h"

#include "text/grammar/automaton/finite.h"
#include "text/grammar/automaton/nfa.h"
#include "text/grammar/regex/regex_tree.h"

namespace stemma::grammar {
namespace {

// Thompson's construction.
class RegexEmitter {
 public:
  RegexEmitter(const RegexTree& tree, Spelling spelling, Nfa& nfa)
      : tree_(tree), spelling_(spelling), nfa_(nfa) {}

  void emit(std::uint32_t id, Nfa::State from, Nfa::State to) {
    const RegexNode& node = tree_.nodes[id];
    switch (node.kind) {
      case RegexNode::Kind::characters:
        add_characters(nfa_, from, node.set, spelling_, to);
        break;
      case RegexNode::Kind::begin:
        nfa_.add_begin(from, to);
        break;
      case RegexNode::Kind::end:
        nfa_.add_end(from, to);
        break;
      case RegexNode::Kind::choice:
        for (const std::uint32_t child : node.children) emit(child, from, to);
        break;
      case RegexNode::Kind::sequence:
        for (const std::uint32_t child : node.children) {
          const Nfa::State next = nfa_.add_state();
          emit(child, from, next);
          from = next;
        }
        nfa_.add_nothing(from, to);
        break;
      case RegexNode::Kind::repeat:
        repeat(node, from, to);
    }
  }

 private:
  void repeat(const RegexNode& node, Nfa::State from, Nfa::State to) {
    const auto once_more = [&] {
      const Nfa::State next = nfa_.add_state();
      emit(node.children.front(), from, next);
      from = next;
    };
    for (std::int64_t i = 0; i < node.least; ++i) once_more();
    if (node.most < 0) {
      const Nfa::State around = nfa_.add_state();
      nfa_.add_nothing(from, around);
      emit(node.children.front(), around, around);
      from = around;
    }
    for (std::int64_t i = node.least; i < node.most; ++i) {
      nfa_.add_nothing(from, to);
      once_more();
    }
    nfa_.add_nothing(from, to);
  }

  const RegexTree& tree_;
  const Spelling spelling_;
  Nfa& nfa_;
};

}  // namespace

Pushdown compile_regex(std::string_view pattern, const RegexOptions& options) {
  const RegexTree tree = parse_regex(pattern, options.place);
  Nfa nfa(options.place);
  RegexEmitter emitter(tree, options.spelling, nfa);
  const Nfa::State before = nfa.add_state(), behind = nfa.add_state();
  nfa.add_nothing(Nfa::kStart, before);
  nfa.add_nothing(behind, Nfa::kAccept);
  if (options.match == Match::search) {
    add_characters(nfa, before, CharSet::all(), options.spelling, before);
    add_characters(nfa, behind, CharSet::all(), options.spelling, behind);
  }
  emitter.emit(tree.root, before, behind);
  return finite(nfa);
}

}  // namespace stemma::grammar
