// SPDX-License-Identifier: Apache-2.0
// nightjar detect: what is on pictures, with the model of the configuration or one named here:
// things, classes or text.
#include "cli/cli.h"
#include "detect/detect.h"
#include "frames/picture.h"
#include "frames/straighten.h"
#include "util/file.h"
#include "util/json_writer.h"
#include "util/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OUTPUT_MAX = 16 * 1024 * 1024,
    CONFIDENCE_DIGITS = 4,
    PIXEL_DIGITS = 1,
    NUMBERS_MAX = 2 * NJ_DETECTION_POINTS_MAX,
    SIDE_MAX = 4096 // what straightening makes at most
};

struct detecting {
    struct nj_log *log;
    struct nj_detector *detector;
    struct nj_detector_thread *thread;
    struct nj_picture_decoder *decoder;
    const struct nj_picture_limits *limits;
    bool json;
    struct nj_rect crop; // w 0: the whole picture
    float corners[NJ_DETECTION_POINTS_MAX][2];
    bool straighten;
    struct nj_buf out;
    struct nj_json_writer writer;
};

static void write_points(struct nj_json_writer *writer, const struct nj_detection *item)
{
    if (item->point_count == 0)
        return;
    nj_json_array_begin(writer, "points");
    for (int32_t i = 0; i < item->point_count; i++) {
        nj_json_object_begin(writer, NULL);
        nj_json_fixed(writer, "x", (double)item->points[i][0], PIXEL_DIGITS);
        nj_json_fixed(writer, "y", (double)item->points[i][1], PIXEL_DIGITS);
        nj_json_object_end(writer);
    }
    nj_json_array_end(writer);
}

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
        write_points(writer, item);
        nj_json_object_end(writer);
    }
    nj_json_array_end(writer);
    if (nj_detector_model(detecting->detector)->task == NJ_TASK_RECOGNISE) {
        nj_json_text(writer, "text", found->text);
        nj_json_fixed(writer, "text_confidence", (double)found->text_confidence, CONFIDENCE_DIGITS);
    }
    nj_json_object_end(writer);
}

static void print_text(struct detecting *detecting, const char *path,
                       const struct nj_detections *found)
{
    char name[256];
    nj_text_printable(name, sizeof name, path);
    if (nj_detector_model(detecting->detector)->task == NJ_TASK_RECOGNISE) {
        char text[sizeof found->text];
        nj_text_printable(text, sizeof text, found->text);
        printf("%s: \"%s\" %.2f\n", name, text, (double)found->text_confidence);
        return;
    }
    printf("%s: %zu\n", name, found->count);
    for (size_t i = 0; i < found->count; i++) {
        const struct nj_detection *item = &found->items[i];
        printf("  %-14s %.2f  at %.0f,%.0f size %.0fx%.0f\n",
               nj_detector_class_name(detecting->detector, item->class_id),
               (double)item->confidence, (double)item->box.x, (double)item->box.y,
               (double)item->box.w, (double)item->box.h);
        if (item->point_count > 0)
            printf("  corners");
        for (int32_t k = 0; k < item->point_count; k++)
            printf(" %.0f,%.0f", (double)item->points[k][0], (double)item->points[k][1]);
        if (item->point_count > 0)
            printf("\n");
    }
}

// The shape between the corners as a picture of its own, as large as its longest sides.
static int straighten(const struct detecting *detecting, struct nj_frame **frame,
                      struct nj_error *err)
{
    const float(*c)[2] = detecting->corners;
    const float across = fmaxf(hypotf(c[1][0] - c[0][0], c[1][1] - c[0][1]),
                               hypotf(c[2][0] - c[3][0], c[2][1] - c[3][1]));
    const float down = fmaxf(hypotf(c[3][0] - c[0][0], c[3][1] - c[0][1]),
                             hypotf(c[2][0] - c[1][0], c[2][1] - c[1][1]));
    struct nj_frame *part = NULL;
    int rc = nj_frame_straighten(*frame, c, (int32_t)fminf(ceilf(across), SIDE_MAX),
                                 (int32_t)fminf(ceilf(down), SIDE_MAX), &part, err);
    if (rc == 0) {
        nj_frame_unref(*frame);
        *frame = part;
    }
    return rc;
}

static int run(const struct detecting *detecting, struct nj_frame **frame,
               struct nj_detections *found, struct nj_error *err)
{
    int rc = detecting->straighten ? straighten(detecting, frame, err) : 0;
    const struct nj_detect_request request = {
        .frames = frame, .crops = detecting->crop.w > 0 ? &detecting->crop : NULL, .count = 1};
    return rc != 0 ? rc : nj_detector_run(detecting->thread, &request, found, err);
}

static int detect_file(struct detecting *detecting, const char *path, struct nj_error *err)
{
    char *bytes = NULL;
    struct nj_frame *frame = NULL;
    struct nj_picture_request request = {.limits = detecting->limits, .strict = true};
    if (detecting->crop.w <= 0 && !detecting->straighten) // else every pixel may count
        nj_detector_least_size(detecting->detector, &request.least_width, &request.least_height);
    struct nj_detections *found = calloc(1, sizeof *found);
    if (found == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "out of memory");
    int rc = nj_file_read(path, (size_t)detecting->limits->max_bytes, &bytes, &request.length, err);
    request.bytes = bytes;
    if (rc == 0)
        rc = nj_picture_decode(detecting->decoder, &request, &frame, err);
    if (rc == 0)
        rc = run(detecting, &frame, found, err);
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

static int prepare(struct detecting *detecting, const struct nj_config *config, const char *model,
                   struct nj_error *err)
{
    const struct nj_detect_options *configured = nj_config_get(config, &nj_detect_option_group);
    struct nj_detect_options options = *configured;
    if (model != NULL) { // not that of the cameras: nor are its classes and threshold
        options.model = model;
        options.threshold = -1;
        options.classes = (struct nj_text_list){0};
    }
    detecting->log = nj_cli_log();
    const struct nj_detector_config detector = {
        .options = &options, .clock = nj_clock_real(), .log = detecting->log};
    detecting->limits = nj_config_get(config, &nj_picture_option_group);
    int rc = nj_detector_create(&detector, &detecting->detector, err);
    if (rc == 0)
        rc = nj_detector_thread_create(detecting->detector, &detecting->thread, err);
    if (rc == 0)
        rc = nj_picture_decoder_create(&detecting->decoder);
    return rc;
}

// "1,2.5,3": exactly `count` numbers.
static int parse_numbers(const char *text, size_t count, float *out)
{
    char copy[256];
    char *rest = copy;
    if (!nj_text_copy(copy, sizeof copy, text))
        return NJ_E_INVALID;
    for (size_t i = 0; i < count; i++) {
        const char *item = strsep(&rest, ",");
        double value = 0;
        if (item == NULL || nj_text_to_double(item, &value) != 0)
            return NJ_E_INVALID;
        out[i] = (float)value;
    }
    return rest == NULL ? 0 : NJ_E_INVALID;
}

static int parse_part(struct detecting *detecting, const char *crop, const char *corners,
                      struct nj_error *err)
{
    float numbers[NUMBERS_MAX];
    if (crop != NULL) {
        if (parse_numbers(crop, 4, numbers) != 0 || !(numbers[2] > 0 && numbers[3] > 0))
            return nj_error_set(err, NJ_E_INVALID, "--crop needs x,y,width,height in pixels");
        detecting->crop = (struct nj_rect){numbers[0], numbers[1], numbers[2], numbers[3]};
    }
    if (corners == NULL)
        return 0;
    if (crop != NULL || parse_numbers(corners, NUMBERS_MAX, numbers) != 0)
        return nj_error_set(err, NJ_E_INVALID,
                            "--corners needs x,y four times, clockwise from the top left, and no "
                            "--crop");
    for (size_t i = 0; i < NJ_DETECTION_POINTS_MAX; i++) {
        detecting->corners[i][0] = numbers[2 * i];
        detecting->corners[i][1] = numbers[2 * i + 1];
    }
    detecting->straighten = true;
    return 0;
}

int nj_cli_detect(int argc, char **argv)
{
    struct detecting detecting = {.json = nj_cli_flag(&argc, argv, "--json")};
    struct nj_cli_config cli;
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    int code = NJ_EXIT_USAGE;
    const char *model = nj_cli_value(&argc, argv, "--model");
    const char *crop = nj_cli_value(&argc, argv, "--crop");
    const char *corners = nj_cli_value(&argc, argv, "--corners");
    int rc = nj_cli_config_parse(&argc, argv, &cli, &err);
    rc = rc != 0 ? rc : parse_part(&detecting, crop, corners, &err);
    rc = rc != 0 ? rc : nj_cli_check_rest("detect", argc, argv, true, &err);
    if (rc == 0 && argc < 2)
        rc = nj_error_set(&err, NJ_E_INVALID, "name at least one picture");
    if (rc == 0)
        rc = nj_cli_config_load(&cli, &config, &err);
    if (rc == 0) {
        code = NJ_EXIT_FAILED;
        rc = prepare(&detecting, config, model, &err);
    }
    code = rc == 0 ? detect_all(&detecting, argc, argv) : nj_cli_fail("detect", code, err.text);
    nj_picture_decoder_destroy(detecting.decoder);
    nj_detector_thread_destroy(detecting.thread);
    nj_detector_destroy(detecting.detector);
    nj_log_destroy(detecting.log);
    nj_config_unref(config);
    nj_cli_config_finish(&cli);
    return code;
}
