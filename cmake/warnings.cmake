# SPDX-License-Identifier: Apache-2.0
# Compiler settings that every target of the tree shares.
add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wwrite-strings -Wformat=2
  -Wundef -Wvla -fno-common -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT NJ_SANITIZE)
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
if(NJ_SANITIZE)
  add_compile_options(-fsanitize=${NJ_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NJ_SANITIZE})
endif()
if(NJ_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(NJ_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic) # threads count, too
  add_link_options(--coverage)
endif()
