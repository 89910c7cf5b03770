#include "plugin/table.h"

#include <gtest/gtest.h>

namespace purser::plugin {
namespace {

TEST(TableTest, ColumnsAreThreeSpacesApart) {
  EXPECT_EQ(Draw({{"NAME", "STATE"}, {{"a", "Normal"}, {"longer", "Stopped"}}}, false),
            "NAME     STATE\n"
            "a        Normal\n"
            "longer   Stopped\n");
}

TEST(TableTest, AnEmptyCellIsNone) {
  EXPECT_EQ(Draw({{"A", "B"}, {{"", "x"}}}, false), "A        B\n<none>   x\n");
}

TEST(TableTest, CharactersCountNotBytes) {
  EXPECT_EQ(Draw({{"A", "B"}, {{"über", "x"}, {"uber", "x"}}}, false),
            "A      B\nüber   x\nuber   x\n");
}

TEST(TableTest, ColoursTakeNoColumn) {
  EXPECT_EQ(Draw({{"A", "B"}, {{"Stopped", "x"}, {"Unheard", "y"}}}, true),
            "A         B\n\033[31mStopped\033[0m   x\nUnheard   y\n");
}

}  // namespace
}  // namespace purser::plugin
