// Ways to plant bytes under an id that another host will need.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/integration/poisoning/poison_world.h"
#include "tests/support/deposit_call.h"

namespace nightsafe {

// Who tries: a host of its own that holds the domain's keys, or one with the
// honest host's own stolen credential.
struct Intruder {
  const HostCredential& credential;
  const Connection& connection;
};

struct Trick {
  const char* name;
  // Whatever the server says is fine; what it holds afterwards is judged.
  void (*play)(const Intruder& intruder, const Target& target,
               const Target& other, std::mt19937_64& random);
};

const std::vector<Trick>& Tricks();

// `target` with something changed in its body.
std::string WrongBody(const Target& target, std::mt19937_64& random);
// Offers the id, puts something else.
void OfferAndPutOther(const Intruder& intruder, const Target& target,
                      const Target& other, std::mt19937_64& random);

}  // namespace nightsafe
