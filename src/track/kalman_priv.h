// SPDX-License-Identifier: Apache-2.0
// Kalman filter of a box with constant velocity. Process, measurement and start noise are all
// diagonal, so the eight-dimensional filter falls apart into four independent ones of position and
// velocity, written out here: no matrix, and the four lanes go through vector registers together.
#ifndef NJ_TRACK_KALMAN_PRIV_H
#define NJ_TRACK_KALMAN_PRIV_H

enum { NJ_KALMAN_LANES = 4 }; // centre x, centre y, width, height

struct nj_kalman {
    float pos[NJ_KALMAN_LANES]; // px
    float vel[NJ_KALMAN_LANES]; // px per second
    float pp[NJ_KALMAN_LANES];  // variance of the position
    float pv[NJ_KALMAN_LANES];  // covariance of both
    float vv[NJ_KALMAN_LANES];  // variance of the velocity
};

// Noise as a part of the box height, so that near and far people are treated alike.
struct nj_kalman_noise {
    float measure; // deviation of a detection
    float drift;   // deviation of the position after one second
    float agility; // deviation of the velocity after one second, per second
    float start;   // deviation of the velocity of a new track, per second
};

static inline void nj_kalman_begin(struct nj_kalman *k, const float box[NJ_KALMAN_LANES],
                                   const struct nj_kalman_noise *noise)
{
    float deviation = 2 * noise->measure * box[3], start = noise->start * box[3];
    for (int i = 0; i < NJ_KALMAN_LANES; i++) {
        k->pos[i] = box[i];
        k->vel[i] = 0;
        k->pp[i] = deviation * deviation;
        k->pv[i] = 0;
        k->vv[i] = start * start;
    }
}

static inline void nj_kalman_predict(struct nj_kalman *k, float seconds,
                                     const struct nj_kalman_noise *noise)
{
    float drift = noise->drift * k->pos[3], agility = noise->agility * k->pos[3];
    float drift_var = drift * drift * seconds, agility_var = agility * agility * seconds;
    for (int i = 0; i < NJ_KALMAN_LANES; i++) {
        k->pos[i] += seconds * k->vel[i];
        k->pp[i] += seconds * (2 * k->pv[i] + seconds * k->vv[i]) + drift_var;
        k->pv[i] += seconds * k->vv[i];
        k->vv[i] += agility_var;
    }
}

static inline void nj_kalman_correct(struct nj_kalman *k, const float box[NJ_KALMAN_LANES],
                                     const struct nj_kalman_noise *noise)
{
    float deviation = noise->measure * k->pos[3], variance = deviation * deviation;
    for (int i = 0; i < NJ_KALMAN_LANES; i++) {
        float inverse = 1 / (k->pp[i] + variance);
        float gain_pos = k->pp[i] * inverse, gain_vel = k->pv[i] * inverse;
        float off = box[i] - k->pos[i];
        k->pos[i] += gain_pos * off;
        k->vel[i] += gain_vel * off;
        k->vv[i] -= gain_vel * k->pv[i];
        k->pv[i] -= gain_pos * k->pv[i];
        k->pp[i] -= gain_pos * k->pp[i];
    }
}

#endif
