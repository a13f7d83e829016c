#include "arrays.hpp"
#include "bind.hpp"
#include "phasewise/memory.hpp"

namespace phasewise::bindings {

void bind_memory(py::module_& m) {
  m.def(
      "empty",
      [](std::size_t bytes) {
        void* block = allocate(bytes);
        // The capsule gives the block back when the last view of the array is gone.
        struct Owned {
          void* block;
          std::size_t bytes;
        };
        const py::capsule owner(new Owned{block, bytes}, [](void* p) {
          const auto* owned = static_cast<Owned*>(p);
          release(owned->block, owned->bytes);
          delete owned;
        });
        return py::array_t<std::uint8_t>({static_cast<py::ssize_t>(bytes)}, {1}, static_cast<std::uint8_t*>(block), owner);
      },
      py::arg("bytes"));
  m.def("trim_memory", &trim_memory);
}

}  // namespace phasewise::bindings
