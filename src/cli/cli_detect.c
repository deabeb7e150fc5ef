// SPDX-License-Identifier: Apache-2.0
// nightjar detect: what is on pictures, with the detector of the configuration.
#include "cli/cli.h"
#include "detect/detect.h"
#include "frames/picture.h"
#include "util/file.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { OUTPUT_MAX = 16 * 1024 * 1024, CONFIDENCE_DIGITS = 4, PIXEL_DIGITS = 1 };

struct detecting {
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
    struct nj_picture_decoder *decoder;
    const struct nj_picture_limits *limits;
    bool json;
    struct nj_buf out;
    struct nj_json_writer writer;
};

static void write_json(struct detecting *detecting, const char *path, const struct nj_frame *frame,
                       const struct nj_detections *found)
{
    struct nj_json_writer *writer = &detecting->writer;
    nj_json_object_begin(writer, NULL);
    nj_json_text(writer, "file", path);
    nj_json_int(writer, "width", frame->full_width);
    nj_json_int(writer, "height", frame->full_height);
    nj_json_array_begin(writer, "detections");
    for (size_t i = 0; i < found->count; i++) {
        const struct nj_detection *item = &found->items[i];
        nj_json_object_begin(writer, NULL);
        nj_json_text(writer, "class", nj_detector_class_name(detecting->detector, item->class_id));
        nj_json_fixed(writer, "confidence", (double)item->confidence, CONFIDENCE_DIGITS);
        nj_json_object_begin(writer, "bbox");
        nj_json_fixed(writer, "x", (double)item->box.x, PIXEL_DIGITS);
        nj_json_fixed(writer, "y", (double)item->box.y, PIXEL_DIGITS);
        nj_json_fixed(writer, "width", (double)item->box.w, PIXEL_DIGITS);
        nj_json_fixed(writer, "height", (double)item->box.h, PIXEL_DIGITS);
        nj_json_object_end(writer);
        nj_json_object_end(writer);
    }
    nj_json_array_end(writer);
    nj_json_object_end(writer);
}

static void print_text(struct detecting *detecting, const char *path,
                       const struct nj_detections *found)
{
    char name[256];
    nj_text_printable(name, sizeof name, path);
    printf("%s: %zu\n", name, found->count);
    for (size_t i = 0; i < found->count; i++) {
        const struct nj_detection *item = &found->items[i];
        printf("  %-14s %.2f  at %.0f,%.0f size %.0fx%.0f\n",
               nj_detector_class_name(detecting->detector, item->class_id),
               (double)item->confidence, (double)item->box.x, (double)item->box.y,
               (double)item->box.w, (double)item->box.h);
    }
}

static int detect_file(struct detecting *detecting, const char *path, struct nj_error *err)
{
    char *bytes = NULL;
    struct nj_frame *frame = NULL;
    struct nj_picture_request request = {.limits = detecting->limits, .strict = true};
    nj_detector_least_size(detecting->detector, &request.least_width, &request.least_height);
    struct nj_detections *found = calloc(1, sizeof *found);
    if (found == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    int rc = nj_file_read(path, (size_t)detecting->limits->max_bytes, &bytes, &request.length, err);
    request.bytes = bytes;
    if (rc == 0)
        rc = nj_picture_decode(detecting->decoder, &request, &frame, err);
    if (rc == 0)
        rc = nj_detector_run(detecting->thread,
                             &(struct nj_detect_request){.frames = &frame, .count = 1}, found, err);
    if (rc == 0 && detecting->json)
        write_json(detecting, path, frame, found);
    else if (rc == 0)
        print_text(detecting, path, found);
    nj_frame_unref(frame);
    free(bytes);
    free(found);
    return rc;
}

static int detect_all(struct detecting *detecting, int argc, char **argv)
{
    int failed = 0;
    nj_buf_init(&detecting->out, OUTPUT_MAX);
    nj_json_init(&detecting->writer, &detecting->out);
    nj_json_array_begin(&detecting->writer, NULL);
    for (int i = 1; i < argc; i++) {
        struct nj_error err = {0};
        if (detect_file(detecting, argv[i], &err) == 0)
            continue;
        char name[256];
        nj_text_printable(name, sizeof name, argv[i]);
        fprintf(stderr, "nightjar detect: %s: %s\n", name, err.text);
        failed = 1;
    }
    nj_json_array_end(&detecting->writer);
    if (detecting->json && nj_buf_failed(&detecting->out) == 0)
        printf("%s\n", detecting->out.data);
    nj_buf_finish(&detecting->out);
    return failed ? NJ_EXIT_FAILED : NJ_EXIT_OK;
}

static int prepare(struct detecting *detecting, const struct nj_config *config,
                   struct nj_error *err)
{
    struct nj_detector_config detector = {.options = nj_config_get(config, &nj_detect_option_group),
                                          .clock = nj_clock_real()};
    detecting->limits = nj_config_get(config, &nj_picture_option_group);
    int rc = nj_detector_create(&detector, &detecting->detector, err);
    if (rc == 0)
        rc = nj_detector_thread_create(detecting->detector, &detecting->thread, err);
    if (rc == 0)
        rc = nj_picture_decoder_create(&detecting->decoder);
    return rc;
}

int nj_cli_detect(int argc, char **argv)
{
    struct detecting detecting = {.json = nj_cli_flag(&argc, argv, "--json")};
    struct nj_cli_config cli;
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    int code = NJ_EXIT_USAGE;
    int rc = nj_cli_config_parse(&argc, argv, &cli, &err);
    if (rc == 0 && argc < 2)
        rc = nj_error_set(&err, NJ_E_INVALID, "name at least one picture");
    if (rc == 0)
        rc = nj_cli_config_load(&cli, &config, &err);
    if (rc == 0) {
        code = NJ_EXIT_FAILED;
        rc = prepare(&detecting, config, &err);
    }
    code = rc == 0 ? detect_all(&detecting, argc, argv) : nj_cli_fail("detect", code, err.text);
    nj_picture_decoder_destroy(detecting.decoder);
    nj_detector_thread_destroy(detecting.thread);
    nj_detector_destroy(detecting.detector);
    nj_config_unref(config);
    nj_cli_config_finish(&cli);
    return code;
}
