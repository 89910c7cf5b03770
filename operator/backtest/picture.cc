#include "backtest/picture.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "backtest/figures.h"
#include "base/time_text.h"

namespace purser::backtest {
namespace {

constexpr double kLeft = 70, kRight = 880, kTop = 50, kBottom = 360;
constexpr std::size_t kMostPoints = 600;
constexpr std::size_t kMostMarks = 12;

std::string Number(double value) { return Rounded(value, 1); }

std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

std::string_view ColourOf(policy::Level level) {
  if (level >= policy::Level::kRefusingWork) return "#c62828";
  return level >= policy::Level::kDowngraded ? "#ef6c00" : "#2e7d32";
}

class Picture {
 public:
  explicit Picture(const Replayed& replayed) : replayed_(replayed) {
    span_ = std::max<double>(1, static_cast<double>((replayed.to - replayed.from).count()));
    most_ = std::max<double>(1, static_cast<double>(replayed.all.asked.cost.nanos()));
  }

  std::string Draw() {
    const auto title = "Asked $" + Cents(replayed_.all.asked.cost) + ", would have spent $" +
                       Cents(replayed_.all.spent.cost);
    Add(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 420" role="img" )"
        R"(font-family="sans-serif" font-size="13"><title>)" +
        title + "</title><rect width=\"900\" height=\"420\" fill=\"#ffffff\"/>\n");
    Text(kLeft, 28, "start", "#111111", title);
    Axes();
    Marks();
    Curve("#9e9e9e", [](const Point& point) { return point.asked; });
    Curve("#1565c0", [](const Point& point) { return point.spent; });
    Text(kLeft, 410, "start", "#757575", "grey: asked    blue: would have been spent");
    Add("</svg>\n");
    return std::move(text_);
  }

 private:
  void Add(std::string_view more) { text_ += more; }
  void Text(double x, double y, std::string_view anchor, std::string_view colour,
            std::string_view words) {
    Add("<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" text-anchor=\"");
    Add(anchor);
    Add("\" fill=\"");
    Add(colour);
    Add("\">" + Escaped(words) + "</text>\n");
  }
  void Line(double x1, double y1, double x2, double y2, std::string_view style) {
    Add("<line x1=\"" + Number(x1) + "\" y1=\"" + Number(y1) + "\" x2=\"" + Number(x2) +
        "\" y2=\"" + Number(y2) + "\" ");
    Add(style);
    Add("/>\n");
  }
  double X(Timestamp at) const {
    return kLeft + (kRight - kLeft) * static_cast<double>((at - replayed_.from).count()) / span_;
  }
  double Y(Money money) const {
    return kBottom - (kBottom - kTop) * static_cast<double>(money.nanos()) / most_;
  }

  void Axes() {
    for (int i = 0; i <= 4; ++i) {
      const auto money = Money::FromNanos(replayed_.all.asked.cost.nanos() / 4 * i);
      Line(kLeft, Y(money), kRight, Y(money), "stroke=\"#eeeeee\"");
      Text(kLeft - 6, Y(money) + 4, "end", "#757575", "$" + Cents(money));
    }
    Text(kLeft, kBottom + 20, "start", "#757575", FormatUtc(replayed_.from));
    Text(kRight, kBottom + 20, "end", "#757575", FormatUtc(replayed_.to));
  }

  void Marks() {
    std::size_t marked = 0;
    for (const auto& event : replayed_.events) {
      if (event.level == policy::Level::kWarning) continue;
      if (++marked > kMostMarks) break;
      const auto x = X(event.at);
      Line(x, kTop, x, kBottom,
           "stroke-dasharray=\"4 3\" stroke=\"" + std::string(ColourOf(event.level)) + "\"");
      Text(x, kTop - 6 + static_cast<double>(marked % 3) * 14, x > 600 ? "end" : "start",
           ColourOf(event.level), policy::ToString(event.level));
    }
  }

  void Curve(std::string_view colour, const std::function<Money(const Point&)>& of) {
    Add("<polyline fill=\"none\" stroke-width=\"2\" stroke=\"");
    Add(colour);
    Add("\" points=\"");
    const auto& curve = replayed_.curve;
    const auto every = std::max<std::size_t>(1, curve.size() / kMostPoints);
    for (std::size_t i = 0; i < curve.size(); i += every)
      Add(Number(X(curve[i].at)) + "," + Number(Y(of(curve[i]))) + " ");
    if (!curve.empty()) Add(Number(X(curve.back().at)) + "," + Number(Y(of(curve.back()))));
    Add("\"/>\n");
  }

  const Replayed& replayed_;
  double span_;
  double most_;
  std::string text_;
};

}  // namespace

std::string PictureOf(const Replayed& replayed) { return Picture(replayed).Draw(); }

}  // namespace purser::backtest
