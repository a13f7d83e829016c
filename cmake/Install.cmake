# Installs what C++ programs need: headers, the static library, and a package for find_package(phasewise). The build tree
# is such a package too.
include(CMakePackageConfigHelpers)
set(_package ${CMAKE_INSTALL_LIBDIR}/cmake/phasewise)

install(TARGETS phasewise_core EXPORT phasewiseTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY cpp/include/phasewise DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE LICENSES/MPL-2.0-Eigen.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/phasewise)

install(EXPORT phasewiseTargets NAMESPACE phasewise:: DESTINATION ${_package})
export(EXPORT phasewiseTargets NAMESPACE phasewise:: FILE ${PROJECT_BINARY_DIR}/phasewiseTargets.cmake)

configure_package_config_file(cmake/phasewiseConfig.cmake.in ${PROJECT_BINARY_DIR}/phasewiseConfig.cmake
  INSTALL_DESTINATION ${_package} NO_SET_AND_CHECK_MACRO)
# Before version 1 the interface may change with the second number.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/phasewiseConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/phasewiseConfig.cmake ${PROJECT_BINARY_DIR}/phasewiseConfigVersion.cmake DESTINATION ${_package})
