// Columns for a terminal, as kubectl draws them.
#pragma once

#include <string>
#include <vector>

namespace purser::plugin {

using Row = std::vector<std::string>;

struct Table {
  Row header;
  std::vector<Row> rows;  // each as long as the header
};

// One line a row, columns three spaces apart; "<none>" where a cell is empty. `colours`: a state is
// drawn in its colour (ANSI).
std::string Draw(const Table& table, bool colours);

}  // namespace purser::plugin
