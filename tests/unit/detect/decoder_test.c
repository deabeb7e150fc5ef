// SPDX-License-Identifier: Apache-2.0
// Decoders against boxes worked out by hand, against wrong shapes and against noise.
#include "tests/unit/detect/detect_helper.h"

#include "util/mem.h"
#include "util/rng.h"

#include <math.h>
#include <string.h>

int decoder_test(void);

static struct nj_candidates found;

static void assert_box(size_t index, const float box[4], float score, int32_t class_id)
{
    assert_true(index < found.count);
    assert_float_equal(found.items[index].x0, box[0], 1e-3);
    assert_float_equal(found.items[index].y0, box[1], 1e-3);
    assert_float_equal(found.items[index].x1, box[2], 1e-3);
    assert_float_equal(found.items[index].y1, box[3], 1e-3);
    assert_float_equal(found.items[index].score, score, 1e-6);
    assert_int_equal(found.items[index].class_id, class_id);
}

static void decode(enum nj_model_decoder decoder, const struct nj_model *model,
                   const struct nj_engine_info *info, const float *const *outputs, float threshold)
{
    struct nj_decoder_layout layout = {0};
    struct nj_error error = {0};
    if (nj_decoders[decoder]->check(model, info, &layout, &error) != 0)
        fail_msg("%s", error.text);
    found.count = 0;
    nj_decoders[decoder]->decode(&layout, outputs, threshold, &found);
}

static void yolox_adds_cell_and_stride(void **state)
{
    (void)state;
    // 64 px: 8x8 cells of 8 px, 4x4 of 16, 2x2 of 32; two classes.
    enum { CELLS = 64 + 16 + 4, COLUMNS = 7 };
    float out[CELLS * COLUMNS] = {0};
    struct nj_model model;
    make_model(&model, NJ_DECODER_YOLOX, 64, 2);
    // Level of 16 px, cell (x 1, y 2): centre ((0.5 + 1) * 16, (0.25 + 2) * 16) = (24, 36),
    // size (exp(0) * 16, exp(ln 2) * 16) = (16, 32).
    const float row[COLUMNS] = {0.5F, 0.25F, 0, logf(2), 0.9F, 0.1F, 0.8F};
    memcpy(&out[(64 + 2 * 4 + 1) * COLUMNS], row, sizeof row);
    // Objectness alone is enough, the product is not.
    const float weak[COLUMNS] = {0, 0, 0, 0, 0.9F, 0.5F, 0.2F};
    memcpy(&out[3 * COLUMNS], weak, sizeof weak);
    struct nj_engine_info info = make_info(CELLS, COLUMNS);
    const float *outputs[] = {out};
    decode(NJ_DECODER_YOLOX, &model, &info, outputs, 0.5F);
    assert_int_equal(found.count, 1);
    assert_box(0, (float[]){16, 20, 32, 52}, 0.72F, 1);
    nj_model_finish(&model);
}

static void yolov5_takes_centre_and_size_as_pixels(void **state)
{
    (void)state;
    const float out[2][7] = {{30, 40, 10, 20, 0.8F, 0.9F, 0.1F}, {1, 1, 1, 1, 0.4F, 1, 1}};
    struct nj_model model;
    make_model(&model, NJ_DECODER_YOLOV5, 64, 2);
    struct nj_engine_info info = make_info(2, 7);
    const float *outputs[] = {out[0]};
    decode(NJ_DECODER_YOLOV5, &model, &info, outputs, 0.5F);
    assert_int_equal(found.count, 1);
    assert_box(0, (float[]){25, 30, 35, 50}, 0.72F, 0);
    nj_model_finish(&model);
}

static void yolov8_reads_planes_and_keeps_the_best_class_of_an_anchor(void **state)
{
    (void)state;
    // 35 anchors: two whole blocks of the skipping scan and a rest.
    enum { ANCHORS = 35, CLASSES = 3 };
    float out[4 + CLASSES][ANCHORS] = {{0}};
    static const int anchors[] = {5, 20, 34};
    for (size_t i = 0; i < NJ_COUNT_OF(anchors); i++) {
        const int a = anchors[i];
        out[0][a] = (float)(10 * (i + 1));
        out[1][a] = 50;
        out[2][a] = 4;
        out[3][a] = 8;
    }
    out[4][5] = 0.6F;
    out[6][5] = 0.7F; // surer: this one counts
    out[5][20] = 0.9F;
    out[4][34] = 0.55F;
    out[5][34] = 0.55F; // equal: the first counts
    struct nj_model model;
    make_model(&model, NJ_DECODER_YOLOV8, 64, CLASSES);
    struct nj_engine_info info = make_info(4 + CLASSES, ANCHORS);
    const float *outputs[] = {out[0]};
    decode(NJ_DECODER_YOLOV8, &model, &info, outputs, 0.5F);
    assert_int_equal(found.count, 3);
    assert_box(0, (float[]){28, 46, 32, 54}, 0.55F, 0); // the heap's least is first
    bool has_other = false;
    for (size_t i = 0; i < found.count; i++)
        has_other = has_other || (found.items[i].class_id == 2 && found.items[i].x0 == 8.0F);
    assert_true(has_other);
    nj_model_finish(&model);
}

static void end_to_end_takes_corners_and_a_class_number(void **state)
{
    (void)state;
    const float out[5][6] = {{1, 2, 11, 22, 0.9F, 1},
                             {1, 2, 11, 22, 0.4F, 0},  // not sure
                             {1, 2, 11, 22, 0.9F, 2},  // no such class
                             {1, 2, 11, 22, 0.9F, -1}, // no such class
                             {11, 2, 1, 22, 0.9F, 0}}; // inside out
    struct nj_model model;
    make_model(&model, NJ_DECODER_END_TO_END, 64, 2);
    struct nj_engine_info info = make_info(5, 6);
    const float *outputs[] = {out[0]};
    decode(NJ_DECODER_END_TO_END, &model, &info, outputs, 0.5F);
    assert_int_equal(found.count, 1);
    assert_box(0, (float[]){1, 2, 11, 22}, 0.9F, 1);
    nj_model_finish(&model);
}

static void centernet_takes_peaks_of_each_class(void **state)
{
    (void)state;
    enum { GRID = 16, CLASSES = 2 };
    static float heat[GRID][GRID][CLASSES];
    static float sides[GRID][GRID][4];
    memset(heat, 0, sizeof heat);
    heat[3][4][0] = 0.8F;
    heat[3][5][0] = 0.7F;   // a slope of the peak beside it
    heat[4][5][1] = 0.6F;   // another class: a peak of its own
    heat[15][15][0] = 0.5F; // a corner has three neighbours
    for (int y = 0; y < GRID; y++) {
        for (int x = 0; x < GRID; x++) {
            static const float distances[4] = {3, 4, 5, 6};
            memcpy(sides[y][x], distances, sizeof distances);
        }
    }
    struct nj_model model;
    make_model(&model, NJ_DECODER_CENTERNET, 64, CLASSES);
    const struct nj_engine_info info = {.output_count = 2,
                                        .outputs = {{.dims = {1, GRID, GRID, 4}, .rank = 4},
                                                    {.dims = {1, GRID, GRID, CLASSES}, .rank = 4}}};
    const float *outputs[] = {sides[0][0], heat[0][0]};
    decode(NJ_DECODER_CENTERNET, &model, &info, outputs, 0.45F);
    assert_int_equal(found.count, 3);
    assert_box(0, (float[]){57, 56, 65, 66}, 0.5F, 0);
    float best = 0;
    for (size_t i = 0; i < found.count; i++) {
        if (found.items[i].score > best)
            best = found.items[i].score;
        if (found.items[i].score == 0.8F)
            assert_box(i, (float[]){13, 8, 21, 18}, 0.8F, 0);
    }
    assert_float_equal(best, 0.8F, 0);
    nj_model_finish(&model);
}

static void a_flood_keeps_the_surest(void **state)
{
    (void)state;
    enum { ROWS = 3 * NJ_CANDIDATES_MAX };
    static float out[ROWS][6];
    for (int i = 0; i < ROWS; i++) {
        // Every third third is surest, in mixed order.
        const float score = 0.5F + 0.4F * (float)((i * 7919) % ROWS) / ROWS;
        const float row[6] = {0, 0, 4, 4, score, 0};
        memcpy(out[i], row, sizeof row);
    }
    struct nj_model model;
    make_model(&model, NJ_DECODER_END_TO_END, 64, 1);
    struct nj_engine_info info = make_info(ROWS, 6);
    const float *outputs[] = {out[0]};
    decode(NJ_DECODER_END_TO_END, &model, &info, outputs, 0.5F);
    assert_int_equal(found.count, NJ_CANDIDATES_MAX);
    for (size_t i = 0; i < found.count; i++)
        assert_true(found.items[i].score >= 0.5F + 0.4F * 2 / 3 - 1e-6F);
    nj_model_finish(&model);
}

// What a damaged network may give: a seed makes rows of NaN, infinities, huge and usual numbers.
static float strange(struct nj_rng *rng)
{
    static const float values[] = {NAN, INFINITY, -INFINITY, 3e38F, -3e38F, 0, 1, 100};
    const uint64_t choice = nj_rng_below(rng, 2 * NJ_COUNT_OF(values));
    return choice < NJ_COUNT_OF(values) ? values[choice] : (float)nj_rng_uniform(rng);
}

static void noise_gives_only_boxes_that_are_boxes(void **state)
{
    (void)state;
    static const struct {
        enum nj_model_decoder decoder;
        int64_t a, b;
    } cases[] = {{NJ_DECODER_YOLOX, 84, 7},
                 {NJ_DECODER_YOLOV5, 50, 7},
                 {NJ_DECODER_YOLOV8, 6, 50},
                 {NJ_DECODER_END_TO_END, 50, 6}};
    struct nj_rng rng;
    nj_rng_seed(&rng, 1);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_model model;
        make_model(&model, cases[i].decoder, 64, 2);
        struct nj_engine_info info = make_info(cases[i].a, cases[i].b);
        for (int turn = 0; turn < 200; turn++) {
            float out[84 * 7];
            for (size_t k = 0; k < NJ_COUNT_OF(out); k++)
                out[k] = strange(&rng);
            const float *outputs[] = {out};
            decode(cases[i].decoder, &model, &info, outputs, 0.3F);
            for (size_t k = 0; k < found.count; k++) {
                const struct nj_candidate *c = &found.items[k];
                assert_true(isfinite(c->x0) && isfinite(c->y1) && c->x1 > c->x0 && c->y1 > c->y0);
                assert_true(c->score >= 0.3F && c->score <= 1);
                assert_in_range(c->class_id, 0, 1);
            }
        }
        nj_model_finish(&model);
    }
}

static void wrong_shapes_are_refused_with_both_shapes(void **state)
{
    (void)state;
    static const struct {
        enum nj_model_decoder decoder;
        int64_t a, b;
        const char *expected, *found;
    } cases[] = {
        {NJ_DECODER_YOLOX, 84, 8, "[1, 84, 7]", "[1, 84, 8]"},
        {NJ_DECODER_YOLOX, 85, 7, "[1, 84, 7]", "[1, 85, 7]"},
        {NJ_DECODER_YOLOV5, 50, 6, "[1, rows, 7]", "[1, 50, 6]"},
        {NJ_DECODER_YOLOV8, 50, 6, "[1, 6, columns]", "[1, 50, 6]"},
        {NJ_DECODER_END_TO_END, 50, 7, "[1, rows, 6]", "[1, 50, 7]"},
        {NJ_DECODER_END_TO_END, 50, 0, "[1, rows, 6]", "[1, 50]"},
        {NJ_DECODER_CENTERNET, 16, 16, "[1, 16, 16, 2] and [1, 16, 16, 4]", "[1, 16, 16]"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_model model;
        make_model(&model, cases[i].decoder, 64, 2);
        struct nj_engine_info info = make_info(cases[i].a, cases[i].b);
        struct nj_decoder_layout layout = {0};
        struct nj_error error = {0};
        assert_int_equal(nj_decoders[cases[i].decoder]->check(&model, &info, &layout, &error),
                         NJ_E_INVALID);
        if (strstr(error.text, "models/test.onnx") == NULL ||
            strstr(error.text, cases[i].expected) == NULL ||
            strstr(error.text, cases[i].found) == NULL)
            fail_msg("case %zu: %s", i, error.text);
        nj_model_finish(&model);
    }
}

int decoder_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yolox_adds_cell_and_stride),
        cmocka_unit_test(yolov5_takes_centre_and_size_as_pixels),
        cmocka_unit_test(yolov8_reads_planes_and_keeps_the_best_class_of_an_anchor),
        cmocka_unit_test(end_to_end_takes_corners_and_a_class_number),
        cmocka_unit_test(centernet_takes_peaks_of_each_class),
        cmocka_unit_test(a_flood_keeps_the_surest),
        cmocka_unit_test(noise_gives_only_boxes_that_are_boxes),
        cmocka_unit_test(wrong_shapes_are_refused_with_both_shapes),
    };
    return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
