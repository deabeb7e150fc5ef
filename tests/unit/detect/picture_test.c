// SPDX-License-Identifier: Apache-2.0
// The shipped models on real pictures, where models and pictures are on this machine.
#include "tests/unit/detect/detect_helper.h"

#include "frames/picture.h"
#include "frames/straighten.h"
#include "util/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int picture_test(void);

// Pictures are data with licences of their own and no part of the project.
static const char *media_folder(void)
{
    const char *given = getenv("NIGHTJAR_MEDIA_DIR");
    return given != NULL ? given : NJ_TEST_SOURCE_DIR "/../shared/data/media";
}

// Before anything is made: skip() leaves at once, and what it leaves behind would be a leak.
static void need(const char *model, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, MODELS_FOLDER "/%s.onnx", model);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s (tools/fetch-models)\n", path);
        skip();
    }
    snprintf(path, sizeof path, "%s/%s", media_folder(), name);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s; NIGHTJAR_MEDIA_DIR may name its folder\n", path);
        skip();
    }
}

static struct nj_frame *load(const char *name)
{
    static const struct nj_picture_limits limits = {.max_bytes = 1 << 24, .max_megapixels = 50};
    char path[1024];
    char *bytes = NULL;
    size_t length = 0;
    struct nj_picture_decoder *decoder = NULL;
    struct nj_frame *frame = NULL;
    snprintf(path, sizeof path, "%s/%s", media_folder(), name);
    assert_int_equal(nj_file_read(path, 1 << 24, &bytes, &length, NULL), 0);
    assert_int_equal(nj_picture_decoder_create(&decoder), 0);
    struct nj_picture_request request = {.bytes = bytes, .length = length, .limits = &limits};
    assert_int_equal(nj_picture_decode(decoder, &request, &frame, NULL), 0);
    nj_picture_decoder_destroy(decoder);
    free(bytes);
    return frame;
}

static struct nj_detector *load_detector(const char *model)
{
    struct nj_detect_options options = make_options();
    options.engine = NJ_ENGINE_ONNX;
    options.model = model;
    const struct nj_detector_config config = {.options = &options, .clock = nj_clock_real()};
    struct nj_detector *detector = NULL;
    struct nj_error error = {0};
    if (nj_detector_create(&config, &detector, &error) != 0)
        fail_msg("%s", error.text);
    return detector;
}

static void run_model(const char *model, struct nj_frame *frame, const struct nj_rect *crop,
                      struct nj_detections *out)
{
    struct nj_detector *detector = load_detector(model);
    struct nj_detector_thread *thread = NULL;
    const struct nj_detect_request request = {.frames = &frame, .crops = crop, .count = 1};
    assert_int_equal(nj_detector_thread_create(detector, &thread, NULL), 0);
    assert_int_equal(nj_detector_run(thread, &request, out, NULL), 0);
    nj_detector_thread_destroy(thread);
    nj_detector_destroy(detector);
}

static void detect(const char *model, const char *name, struct nj_detections *out)
{
    need(model, name);
    struct nj_frame *frame = load(name);
    run_model(model, frame, NULL, out);
    nj_frame_unref(frame);
}

// Ids of COCO.
enum { PERSON = 0, BICYCLE = 1, CAR = 2, DOG = 16, HORSE = 17 };

static float best_of(const struct nj_detections *found, int32_t class_id)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->items[i].class_id == class_id)
            return found->items[i].confidence;
    }
    return 0;
}

// Confidences published for these pictures by another implementation of the same network.
static void yolox_finds_dog_bicycle_and_car(void **state)
{
    (void)state;
    static struct nj_detections found;
    detect("yolox_nano_416", "dog.jpg", &found);
    assert_int_equal(found.count, 3); // the car is not a truck as well
    assert_float_equal(best_of(&found, DOG), 0.85, 0.03);
    assert_float_equal(best_of(&found, BICYCLE), 0.81, 0.03);
    assert_float_equal(best_of(&found, CAR), 0.79, 0.03);
    // The dog sits below the middle of the left half; by eye x 130 to 310, y 220 to 540.
    assert_int_equal(found.items[0].class_id, DOG);
    assert_float_equal(found.items[0].box.x, 130, 15);
    assert_float_equal(found.items[0].box.y, 220, 15);
    assert_float_equal(found.items[0].box.x + found.items[0].box.w, 312, 15);
    assert_float_equal(found.items[0].box.y + found.items[0].box.h, 541, 15);
}

static void yolox_finds_person_dog_and_horse(void **state)
{
    (void)state;
    static struct nj_detections found;
    detect("yolox_nano_416", "person.jpg", &found);
    assert_float_equal(best_of(&found, PERSON), 0.88, 0.03);
    assert_float_equal(best_of(&found, DOG), 0.87, 0.03);
    assert_float_equal(best_of(&found, HORSE), 0.87, 0.03);
}

static void the_fallback_model_finds_the_same_things_less_surely(void **state)
{
    (void)state;
    static struct nj_detections found;
    detect("centernet_512", "dog.jpg", &found);
    assert_float_equal(best_of(&found, BICYCLE), 0.53, 0.05);
    assert_float_equal(best_of(&found, CAR), 0.53, 0.05);
    assert_float_equal(best_of(&found, DOG), 0.37, 0.05);
}

static void example_models_find_the_plate_and_its_corners(void **state)
{
    (void)state;
    static struct nj_detections found;
    detect("hyperlpr_plate", "hyperlpr_2.jpg", &found);
    assert_int_equal(found.count, 1);
    assert_float_equal(found.items[0].confidence, 0.89, 0.03); // as published for this picture
    assert_int_equal(found.items[0].point_count, 4);
    // By eye, to a tenth of the plate's height.
    static const float corners[4][2] = {{217, 157}, {553, 207}, {564, 329}, {228, 275}};
    for (int i = 0; i < 4; i++) {
        assert_float_equal(found.items[0].points[i][0], corners[i][0], 12);
        assert_float_equal(found.items[0].points[i][1], corners[i][1], 12);
    }
}

// The letter and the number, a dot between; the province's character is too fine for this model at
// this size.
static void example_models_read_the_plate(void **state)
{
    (void)state;
    static struct nj_detections found;
    need("ppocr_v4_rec", "hyperlpr_2.jpg");
    need("hyperlpr_plate", "hyperlpr_2.jpg");
    struct nj_frame *frame = load("hyperlpr_2.jpg");
    struct nj_frame *plate = NULL;
    run_model("hyperlpr_plate", frame, NULL, &found);
    assert_int_equal(found.count, 1);
    const struct nj_detection detection = found.items[0];
    assert_int_equal(nj_frame_straighten(frame, detection.points, 340, 124, &plate, NULL), 0);
    run_model("ppocr_v4_rec", plate, NULL, &found);
    assert_non_null(strstr(found.text, "D"));
    assert_non_null(strstr(found.text, "T5022"));
    assert_true(found.text_confidence > 0.9F);
    nj_frame_unref(plate);
    run_model("ppocr_v4_rec", frame, &detection.box, &found); // tilted, as it is in its box
    assert_non_null(strstr(found.text, "T5022"));
    nj_frame_unref(frame);
}

static void example_models_name_what_a_picture_shows(void **state)
{
    (void)state;
    static struct nj_detections found;
    static const struct nj_rect car = {467, 75, 228, 95};
    need("mobilenet_v2_224", "dog.jpg");
    struct nj_frame *frame = load("dog.jpg");
    struct nj_detector *names = load_detector("mobilenet_v2_imagenet");
    run_model("mobilenet_v2_imagenet", frame, NULL, &found);
    assert_string_equal(nj_detector_class_name(names, found.items[0].class_id), "malamute");
    nj_detector_destroy(names);
    names = load_detector("mobilenet_v2_224");
    run_model("mobilenet_v2_224", frame, NULL, &found);
    assert_int_equal(found.count, 0); // a dog is no kind of car
    // A delivery van or a pickup, far away: the network is not sure, but of large ones.
    run_model("mobilenet_v2_224", frame, &car, &found);
    assert_string_equal(nj_detector_class_name(names, found.items[0].class_id), "Van");
    nj_detector_destroy(names);
    nj_frame_unref(frame);
}

int picture_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yolox_finds_dog_bicycle_and_car),
        cmocka_unit_test(yolox_finds_person_dog_and_horse),
        cmocka_unit_test(the_fallback_model_finds_the_same_things_less_surely),
        cmocka_unit_test(example_models_find_the_plate_and_its_corners),
        cmocka_unit_test(example_models_read_the_plate),
        cmocka_unit_test(example_models_name_what_a_picture_shows),
    };
    return cmocka_run_group_tests_name("detect pictures", tests, NULL, NULL);
}
