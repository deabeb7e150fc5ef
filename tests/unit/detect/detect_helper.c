// SPDX-License-Identifier: Apache-2.0
// What the tests of detection share.
#include "tests/unit/detect/detect_helper.h"

#include "util/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void make_model(struct nj_model *out, enum nj_model_decoder decoder, int32_t side_px,
                int32_t classes)
{
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "test");
    snprintf(out->weights_path, sizeof out->weights_path, "models/test.onnx");
    out->decoder = decoder;
    out->input = (struct nj_tensor_spec){.width = side_px, .height = side_px};
    out->max_batch = 1;
    out->threshold = 0.5;
    out->nms_iou = 0.45;
    out->group_iou = 0.6;
    out->class_count = out->network_class_count = classes;
    out->class_names = calloc((size_t)classes, sizeof *out->class_names);
    out->class_groups = calloc((size_t)classes, sizeof *out->class_groups);
    assert_non_null(out->class_names);
    assert_non_null(out->class_groups);
    for (int32_t i = 0; i < classes; i++)
        snprintf(out->class_names[i], sizeof out->class_names[i], "c%d", (int)i);
}

struct nj_engine_info make_info(int64_t a, int64_t b)
{
    return (struct nj_engine_info){
        .output_count = 1,
        .outputs = {{.dims = {1, a, b}, .rank = b == 0 ? (size_t)2 : (size_t)3}}};
}

struct nj_frame *make_frame(int32_t width, int32_t height)
{
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_allocate(width, height, NJ_PIXEL_I420, &frame), 0);
    memset((void *)(uintptr_t)frame->planes[0], 100, (size_t)frame->strides[0] * (size_t)height);
    for (int p = 1; p < 3; p++)
        memset((void *)(uintptr_t)frame->planes[p], 128,
               (size_t)frame->strides[p] * (size_t)((height + 1) / 2));
    return frame;
}

void make_folder(char out[64])
{
    snprintf(out, 64, "/tmp/nj-detect-XXXXXX");
    assert_non_null(mkdtemp(out));
}

void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    closedir(dir);
    assert_int_equal(rmdir(folder), 0);
}

bool make_networks(char out[64])
{
    char command[1024];
    make_folder(out);
    snprintf(command, sizeof command,
             "node '" NJ_TEST_SOURCE_DIR "/tools/make-onnx.mjs' '%s' 2>/dev/null", out);
    return system(command) == 0;
}

void skip_without_networks(bool written)
{
    if (!written) {
        print_message("skipped: Node.js is not there to write the networks\n");
        skip();
    }
}

void write_file(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(nj_file_write_atomic(path, text, strlen(text), NULL), 0);
}

struct nj_detect_options make_options(void)
{
    return (struct nj_detect_options){.engine = NJ_ENGINE_NULL,
                                      .device = "cpu",
                                      .model = "",
                                      .models_folder = MODELS_FOLDER,
                                      .engine_library = "",
                                      .threshold = -1,
                                      .http_url = "",
                                      .http_api_key = "",
                                      .http_connect_us = NJ_US_PER_S,
                                      .http_read_us = 5 * (nj_us)NJ_US_PER_S,
                                      .http_retry_us = NJ_US_PER_MS,
                                      .http_health_us = NJ_US_PER_S,
                                      .http_tries = 3,
                                      .null_script = ""};
}
