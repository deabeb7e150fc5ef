// SPDX-License-Identifier: Apache-2.0
// Writes ZIPs byte by byte, the wrong ones too.
#include "tests/fake/world/zip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ZIP_MAX = 256 * 1024 * 1024, MADE_BY_UNIX = 3 << 8 | 20, NEEDS = 20, DOS_DAY = 0x21 };

const char zip_pipeline[] = "{\"pipeline\":{\"modelId\":\"a\",\"modelFile\":\"a.onnx\"}}";
const char zip_manifest[] =
    "{\"name\":\"a\",\"weights\":\"a.onnx\",\"decoder\":\"yolox\",\"threshold\":0.5,"
    "\"input\":{\"width\":32,\"height\":32},\"classes\":[\"car\"]}";

static void put16(struct nj_buf *buf, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8)};
    nj_buf_append(buf, bytes, sizeof bytes);
}

static void put32(struct nj_buf *buf, uint64_t value)
{
    put16(buf, (uint32_t)(value & 0xffff));
    put16(buf, (uint32_t)(value >> 16 & 0xffff));
}

void zip_made_init(struct zip_made *zip)
{
    *zip = (struct zip_made){0};
    nj_buf_init(&zip->bytes, ZIP_MAX);
    nj_buf_init(&zip->directory, ZIP_MAX);
}

void zip_made_finish(struct zip_made *zip)
{
    nj_buf_finish(&zip->bytes);
    nj_buf_finish(&zip->directory);
}

static void *deflated(const struct zip_file *file, size_t *out_length)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    const size_t room = deflateBound(&stream, file->length);
    uint8_t *out = malloc(room);
    assert_non_null(out);
    stream.next_in = (Bytef *)(uintptr_t)file->bytes;
    stream.avail_in = (uInt)file->length;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *out_length = stream.total_out;
    deflateEnd(&stream);
    return out;
}

// What the local header and the directory both say.
static void put_common(struct nj_buf *buf, const struct zip_file *file, uint32_t crc,
                       size_t packed_length)
{
    const int method = file->method != 0 ? file->method : file->deflate ? 8 : 0;
    put16(buf, NEEDS);
    put16(buf, file->flags);
    put16(buf, (uint32_t)method);
    put16(buf, 0);
    put16(buf, DOS_DAY);
    put32(buf, crc);
    put32(buf, packed_length);
    const uint64_t declared = file->declared != 0 ? file->declared : file->length;
    put32(buf, declared > UINT32_MAX ? UINT32_MAX : declared);
    put16(buf, (uint32_t)(file->name_length != 0 ? file->name_length : strlen(file->name)));
    put16(buf, declared > UINT32_MAX ? 12 : 0); // extra field
}

// The extra field of sizes beyond 4 GiB (APPNOTE 4.5.3).
static void put_extra(struct nj_buf *buf, const struct zip_file *file)
{
    if (file->declared <= UINT32_MAX)
        return;
    put16(buf, 1);
    put16(buf, 8);
    put32(buf, file->declared & UINT32_MAX);
    put32(buf, file->declared >> 32);
}

void zip_made_add(struct zip_made *zip, const struct zip_file *file)
{
    size_t packed_length = file->length;
    void *packed = file->deflate ? deflated(file, &packed_length) : NULL;
    const size_t name_length = file->name_length != 0 ? file->name_length : strlen(file->name);
    uint32_t crc = (uint32_t)crc32(0, file->bytes, (uInt)file->length);
    const size_t offset = zip->bytes.length;
    if (file->length == 0)
        crc = 0;
    crc ^= file->bad_crc;
    nj_buf_append(&zip->bytes, "PK\3\4", 4);
    put_common(&zip->bytes, file, crc, packed_length);
    nj_buf_append(&zip->bytes, file->name, name_length);
    put_extra(&zip->bytes, file);
    nj_buf_append(&zip->bytes, packed != NULL ? packed : file->bytes, packed_length);
    nj_buf_append(&zip->directory, "PK\1\2", 4);
    put16(&zip->directory, MADE_BY_UNIX);
    put_common(&zip->directory, file, crc, packed_length);
    put16(&zip->directory, 0); // comment
    put16(&zip->directory, 0); // disk
    put16(&zip->directory, 0); // internal attributes
    put32(&zip->directory, (uint64_t)file->mode << 16);
    put32(&zip->directory, offset);
    nj_buf_append(&zip->directory, file->name, name_length);
    put_extra(&zip->directory, file);
    zip->count++;
    free(packed);
}

void zip_made_add_text(struct zip_made *zip, const char *name, const char *text)
{
    zip_made_add(zip, &(struct zip_file){
                          .name = name, .bytes = text, .length = strlen(text), .deflate = true});
}

void zip_made_end(struct zip_made *zip, uint16_t claimed)
{
    const size_t offset = zip->bytes.length;
    const uint16_t count = claimed != 0 ? claimed : zip->count;
    nj_buf_append(&zip->bytes, zip->directory.data, zip->directory.length);
    nj_buf_append(&zip->bytes, "PK\5\6\0\0\0\0", 8);
    put16(&zip->bytes, count);
    put16(&zip->bytes, count);
    put32(&zip->bytes, zip->directory.length);
    put32(&zip->bytes, offset);
    put16(&zip->bytes, 0);
    assert_int_equal(nj_buf_failed(&zip->bytes), 0);
}

void zip_made_save(const struct zip_made *zip, const struct nj_temp_dir *dir, const char *name)
{
    char path[NJ_TEMP_PATH_MAX];
    FILE *file = fopen(nj_temp_dir_path(dir, name, path), "wb");
    assert_non_null(file);
    if (zip->bytes.length > 0)
        assert_int_equal(fwrite(zip->bytes.data, 1, zip->bytes.length, file), zip->bytes.length);
    assert_int_equal(fclose(file), 0);
}

void zip_made_add_archive(struct zip_made *zip, const char *prefix)
{
    static const struct {
        const char *name, *text;
    } files[] = {{"pipeline.json", zip_pipeline}, {"a.onnx", "weights"}, {"a.json", zip_manifest}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s%s", prefix, files[i].name);
        zip_made_add_text(zip, name, files[i].text);
    }
}

struct nj_archive_options zip_options(const struct nj_temp_dir *dir)
{
    static char cache[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(dir, "cache", cache);
    return (struct nj_archive_options){.cache_folder = cache,
                                       .max_archive_bytes = 64 << 20,
                                       .max_unpacked_bytes = 32 << 20,
                                       .max_entry_bytes = 16 << 20,
                                       .max_entries = 20,
                                       .max_ratio = 100,
                                       .connect_us = 5 * NJ_US_PER_S,
                                       .idle_us = 20 * NJ_US_PER_S,
                                       .total_us = 60 * NJ_US_PER_S,
                                       .cache_bytes = 1 << 30};
}

size_t zip_count_names(const struct nj_temp_dir *dir, const char *name)
{
    char path[NJ_TEMP_PATH_MAX];
    size_t count = 0;
    DIR *folder = opendir(nj_temp_dir_path(dir, name, path));
    for (const struct dirent *item; folder != NULL && (item = readdir(folder)) != NULL;)
        count += strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0;
    if (folder != NULL)
        closedir(folder);
    return count;
}
