# SPDX-License-Identifier: Apache-2.0
# Version, commit and architecture as definitions for src/util/build_info.c alone, so that a new
# commit recompiles one file.
set(commit unknown)
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --short=8 HEAD
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    OUTPUT_VARIABLE git_commit OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE git_result ERROR_QUIET)
  if(git_result EQUAL 0)
    set(commit ${git_commit})
  endif()
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/src/util/build_info.c PROPERTIES
  COMPILE_DEFINITIONS "NJ_BUILD_VERSION=\"${PROJECT_VERSION}\";NJ_BUILD_COMMIT=\"${commit}\";NJ_BUILD_ARCHITECTURE=\"${CMAKE_SYSTEM_PROCESSOR}\"")
