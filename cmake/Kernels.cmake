# Compiles kernel sources once per instruction-set level and adds the objects to a target. Each level is a namespace
# (PW_ISA) with its own function tables; dispatch.cpp chooses among them when the program runs.

function(phasewise_compile_options target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 /fp:precise)
  else()
    # Rounding is decided in the sources (explicit fma), never by the compiler. No -ffast-math: it would switch
    # the whole process to flush-to-zero.
    # Sanitized kernels take minutes to optimise fully.
    set(level -O3)
    if(PHASEWISE_SANITIZE)
      set(level -O1)
    endif()
    target_compile_options(${target} PRIVATE ${level} -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra)
  endif()
endfunction()

set(PHASEWISE_LEVELS "baseline;avx2;avx512;neon" CACHE STRING "Instruction-set levels to build; baseline (neon on arm64) is needed")
option(PHASEWISE_VECTORS "Use the vector extensions of GCC and Clang; OFF builds what compilers without them get" ON)

function(_phasewise_add_level target isa vector_bytes flags sources)
  if(NOT isa IN_LIST PHASEWISE_LEVELS)
    return()
  endif()
  set(level ${target}_${isa})
  add_library(${level} OBJECT ${sources})
  target_include_directories(${level} PRIVATE ${PROJECT_SOURCE_DIR}/cpp/include ${PROJECT_SOURCE_DIR}/cpp/src/kernels)
  target_compile_definitions(${level} PRIVATE PW_ISA=${isa} PW_VECTOR_BYTES=${vector_bytes})
  # Eigen is all templates: a name of its own per level keeps the linker from merging code of different flags.
  target_compile_definitions(${level} PRIVATE Eigen=Eigen_${isa} EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
  target_link_libraries(${level} PRIVATE Eigen3::Eigen)
  phasewise_compile_options(${level})
  target_compile_options(${level} PRIVATE ${flags})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's own AVX-512 headers trip this warning.
    target_compile_options(${level} PRIVATE -Wno-maybe-uninitialized)
  endif()
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${level}>)
  string(TOUPPER ${isa} upper)
  target_compile_definitions(${target} PRIVATE PW_HAVE_${upper})
endfunction()

function(phasewise_add_kernels target)
  if(PHASEWISE_SANITIZE)
    # The unrolled butterflies take an instrumenting compiler many minutes; continuous integration runs them under valgrind.
    set_source_files_properties(cpp/src/kernels/transform_f32.cpp cpp/src/kernels/transform_f64.cpp
      PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
    set_source_files_properties(cpp/src/kernels/phase_f32.cpp cpp/src/kernels/phase_f64.cpp
      PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
  endif()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$" OR CMAKE_OSX_ARCHITECTURES MATCHES "arm64")
    _phasewise_add_level(${target} neon 16 "" "${ARGN}")
  elseif(NOT PHASEWISE_VECTORS)
    _phasewise_add_level(${target} baseline 0 "" "${ARGN}")
  elseif(MSVC AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Without the vector extensions the kernels run with one lane and the compiler vectorises what it can.
    _phasewise_add_level(${target} baseline 0 "" "${ARGN}")
    _phasewise_add_level(${target} avx2 0 "/arch:AVX2" "${ARGN}")
  else()
    _phasewise_add_level(${target} baseline 16 "" "${ARGN}")
    _phasewise_add_level(${target} avx2 32 "-mavx2;-mfma" "${ARGN}")
    _phasewise_add_level(${target} avx512 64 "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma" "${ARGN}")
  endif()
endfunction()
