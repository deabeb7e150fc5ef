// SPDX-License-Identifier: Apache-2.0
// Writes ZIPs byte by byte (APPNOTE 4.3), the wrong ones too, and archives made of them.
#ifndef NJ_TESTS_WORLD_ZIP_H
#define NJ_TESTS_WORLD_ZIP_H

#include "archives/archive.h"
#include "tests/fake/temp_dir.h"
#include "util/buf.h"

#include <stdint.h>

struct zip_file {
    const char *name;
    size_t name_length; // 0: strlen; else with NULs inside
    const void *bytes;
    size_t length;
    bool deflate;
    uint32_t mode;          // of a UNIX file, with its kind; 0: none
    uint64_t declared;      // unpacked size in the directory; 0: the true one
    uint16_t flags, method; // set besides; method 0: by `deflate`
    bool bad_crc;
};

struct zip_made {
    struct nj_buf bytes;
    struct nj_buf directory; // until it is finished
    uint16_t count;
};

void zip_made_init(struct zip_made *zip);
void zip_made_add(struct zip_made *zip, const struct zip_file *file);
void zip_made_add_text(struct zip_made *zip, const char *name, const char *text);
// The directory and its end, which claims `claimed` entries (0: the true count).
void zip_made_end(struct zip_made *zip, uint16_t claimed);
void zip_made_finish(struct zip_made *zip);
// Writes it to a file of the folder.
void zip_made_save(const struct zip_made *zip, const struct nj_temp_dir *dir, const char *name);

// Documents of an archive with one model "a.onnx".
extern const char zip_pipeline[], zip_manifest[];
// pipeline.json, a.onnx and a.json, each with `prefix` before its name.
void zip_made_add_archive(struct zip_made *zip, const char *prefix);

// Options whose cache is the folder "cache" of `dir`, with generous limits.
struct nj_archive_options zip_options(const struct nj_temp_dir *dir);
// Names in a folder of `dir` except . and ..; 0 when it is not there.
size_t zip_count_names(const struct nj_temp_dir *dir, const char *name);

#endif
