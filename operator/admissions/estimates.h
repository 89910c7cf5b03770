// What a call may come to, before it is made.
#pragma once

#include <vector>

#include "admissions/bodies.h"
#include "gate/experience.h"
#include "gate/request.h"
#include "gate/route.h"
#include "gate/world.h"
#include "usage/pricing/price_book.h"

namespace purser::admissions {

// As the question says; else its tokens by their price; else what 95 of 100 of the like came to,
// and while fewer than 20 were seen no less than 8,000 tokens in and 2,000 out by their price.
Amounts Estimate(const Question& question, const gate::Experiences& seen,
                 const usage::pricing::Prices& prices);

// The agent's other models, and the other agents of its pool, with what each may come to.
std::vector<gate::Choice> Others(const Question& question, const std::vector<gate::Agent>& agents,
                                 const gate::Experiences& seen,
                                 const usage::pricing::Prices& prices);

// One for each model of each agent that is asked for. `pressure` is left to the caller.
std::vector<gate::Candidate> Candidates(const RouteQuestion& question,
                                        const std::vector<gate::Agent>& agents,
                                        const gate::Experiences& seen,
                                        const usage::pricing::Prices& prices);

}  // namespace purser::admissions
