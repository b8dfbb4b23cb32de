// Adds many doubles with the error of about one addition, in the order in which they come.
//
//   Sum total;
//   for (double x : values) total.add(x);
//   total.value();
//
// Knuth's two-sum keeps what each addition loses (The Art of Computer Programming 2,
// section 4.2.2).
#pragma once

namespace stemma::tasks {

class Sum {
 public:
  void add(double value) {
    const double total = total_ + value;
    const double added = total - total_;
    lost_ += (total_ - (total - added)) + (value - added);
    total_ = total;
  }
  double value() const { return total_ + lost_; }

 private:
  double total_ = 0, lost_ = 0;
};

}  // namespace stemma::tasks
