# SPDX-License-Identifier: Apache-2.0
# The libraries of the distribution that Nightjar stands on.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(TURBOJPEG REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis)
# TLS to Redis came with hiredis 1.0, in a library beside it.
pkg_check_modules(HIREDIS_TLS IMPORTED_TARGET hiredis_ssl openssl)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(AV REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil)
find_library(YUV_LIBRARY yuv REQUIRED)
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
find_path(ORT_INCLUDE onnxruntime_c_api.h
  HINTS ${CMAKE_SOURCE_DIR}/build/deps/onnxruntime/include
  PATH_SUFFIXES onnxruntime REQUIRED)
