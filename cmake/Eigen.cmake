# Eigen: the pinned PyPI package cmeel-eigen in isolated builds, the system's copy otherwise.
# cmeel installs below <site-packages>/cmeel.prefix, where CMake does not look by itself.
set(_eigen_hints "")
foreach(_prefix IN LISTS CMAKE_PREFIX_PATH)
  list(APPEND _eigen_hints "${_prefix}/cmeel.prefix")
endforeach()
find_package(Eigen3 3.4 CONFIG QUIET HINTS ${_eigen_hints})
if(NOT Eigen3_FOUND)
  message(FATAL_ERROR
    "phasewise needs the Eigen 3.4 headers: install the Python package cmeel-eigen (pip install 'cmeel-eigen>=3.4,<4') "
    "or the system package (Debian: apt-get install libeigen3-dev).")
endif()
message(STATUS "Eigen ${Eigen3_VERSION}: ${Eigen3_DIR}")
