// What a record costs, and whether that can be true. Pure.
#pragma once

#include <string>

#include "money/money.h"
#include "usage/pricing/price_book.h"
#include "usage/records/record.h"

namespace purser::usage::records {

struct Judgement {
  Money cost;         // as the record says, else of its tokens
  Money estimated;    // of `cost`: by the estimate, for the model has no price
  std::string doubt;  // why it is held; "": it is booked
};

// Held: a cost of more than a dollar that is more than 100,000 times what the tokens cost by the
// catalogue (micro-dollars told as dollars are a million times), more than $1,000 for a call whose
// tokens tell nothing, and more than ten million tokens in one call.
Judgement Judge(const Record& record, const pricing::Prices& prices);

}  // namespace purser::usage::records
