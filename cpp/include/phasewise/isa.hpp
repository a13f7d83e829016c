// Instruction-set levels: what the build has, what the machine has, what is in use.
#pragma once

#include <string>
#include <vector>

namespace phasewise {

enum class Isa { baseline, avx2, avx512, neon };

const char* isa_name(Isa isa);

// Levels compiled into this build that this machine can run, slowest first.
std::vector<Isa> available_isas();

// The level in use: the best available one unless PHASEWISE_ISA or set_isa() pins another.
Isa active_isa();

// Pins a level by name for plans and calls made from now on; throws std::invalid_argument listing what is available.
void set_isa(const std::string& name);

}  // namespace phasewise
