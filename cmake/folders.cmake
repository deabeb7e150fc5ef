# SPDX-License-Identifier: Apache-2.0
# One static library per folder; its link line is every folder of a smaller rank, in order.

# The rank table of ARCHITECTURE.md, lowest first.
set(NJ_FOLDERS util config loop health net storage bus jobs frames sources detect track
  archives actions pipeline batch analysis events realtime http app cli)

# nj_add_folder(NAME [libraries...]): src/NAME/*.c becomes nj_NAME, but for a main.c.
function(nj_add_folder name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  if(NOT sources)
    return()
  endif()
  add_library(nj_${name} STATIC ${sources})
  target_include_directories(nj_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(nj_${name} PUBLIC Threads::Threads ${ARGN})
  if(NJ_TORTURE) # calls that may fail go through tests/fake/torture.c
    add_custom_command(TARGET nj_${name} POST_BUILD COMMAND ${CMAKE_OBJCOPY}
      --redefine-syms=${CMAKE_SOURCE_DIR}/tests/torture.syms $<TARGET_FILE:nj_${name}>)
  endif()
  list(FIND NJ_FOLDERS ${name} rank)
  math(EXPR rank "${rank} - 1")
  if(rank LESS 0)
    return() # the lowest folder stands on libraries only
  endif()
  foreach(index RANGE ${rank} 0 -1)
    list(GET NJ_FOLDERS ${index} lower)
    if(TARGET nj_${lower})
      target_link_libraries(nj_${name} PUBLIC nj_${lower})
    endif()
  endforeach()
endfunction()
