"""The one visible tuple of features: what each word means, its dimension, what it needs, and where it comes from.

Notation of the formulas: ``c`` centroid, ``a`` body axis (base of the tail to nose), ``v`` velocity, ``h`` half a
derivative step, ``.`` inner and ``x`` outer product, ``cos+`` a cosine, counted as 0 below 0; of a dyad ``1`` is the
agent (or the first), ``2`` the target (or the second).

Whoever changes what a feature computes without changing what is written here raises ``CATALOG_VERSION``, so that old
programs are not silently read with new numbers.
"""

from __future__ import annotations

import math

from nsp_core.features import arena, kinematics, overlap, posture, social, tracking
from nsp_core.features.ellipse import GREATEST_ELONGATION
from nsp_core.features.geometry import CENTROID, DERIVATIVE_STEP_S
from nsp_core.features.spec import FeatureSpec

__all__ = ["CATALOG", "CATALOG_VERSION"]

CATALOG_VERSION = 2

# Exponents of length, time and angle.
_NUMBER, _LENGTH, _AREA, _ANGLE = (0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 0, 1)
_SPEED, _ACCELERATION, _JERK = (1, -1, 0), (1, -2, 0), (1, -3, 0)
_ANGLE_RATE, _CURVATURE = (0, -1, 1), (-1, 0, 1)

_ANY = (-math.inf, math.inf)
_NOT_NEGATIVE = (0.0, math.inf)
_SHARE = (0.0, 1.0)
_HALF_TURN = (0.0, math.pi)
_FULL_TURN = (-math.pi, math.pi)

_STEP = f"centered difference over {DERIVATIVE_STEP_S:g} s"
_MARS = "Segalin et al. 2021 (MARS), doi:10.7554/eLife.63720"
_JAABA = "Kabra et al. 2013 (JAABA), doi:10.1038/nmeth.2281"

CATALOG: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "speed", "v", "kinematics", "individual", _SPEED, (CENTROID,), kinematics.speed, _NOT_NEGATIVE,
        f"Speed of the centroid, {_STEP}, of the body points seen at both ends.",
        "abs(c(t + h) - c(t - h)) / 2h", _MARS, reach_steps=0.5,
    ),
    FeatureSpec(
        "nose_speed", "v_nose", "kinematics", "individual", _SPEED, ("nose",), kinematics.nose_speed, _NOT_NEGATIVE,
        f"Speed of the nose, {_STEP}.",
        "abs(nose(t + h) - nose(t - h)) / 2h", f"{_JAABA}: velmag_nose", reach_steps=0.5,
    ),
    FeatureSpec(
        "tail_base_speed", "v_tail", "kinematics", "individual", _SPEED,
        ("tail_base",), kinematics.tail_base_speed, _NOT_NEGATIVE,
        f"Speed of the base of the tail, {_STEP}.",
        "abs(tail_base(t + h) - tail_base(t - h)) / 2h", f"{_JAABA}: velmag_tail", reach_steps=0.5,
    ),
    FeatureSpec(
        "point_speed", "v_point", "kinematics", "individual", _SPEED, (), kinematics.point_speed, _NOT_NEGATIVE,
        f"Speed of the point of a role, {_STEP}.",
        "abs(point(t + h) - point(t - h)) / 2h", "Common practice", n_points=1, reach_steps=0.5, offered=False,
    ),
    FeatureSpec(
        "forward_speed", "v_fwd", "kinematics", "individual", _SPEED,
        ("nose", "tail_base"), kinematics.forward_speed, _ANY,
        "Part of the centroid's velocity along the body axis; negative while backing up.",
        "v . a / abs(a)", f"{_JAABA}: du_ctr", reach_steps=0.5,
    ),
    FeatureSpec(
        "sideways_speed", "v_side", "kinematics", "individual", _SPEED,
        ("nose", "tail_base"), kinematics.sideways_speed, _NOT_NEGATIVE,
        "Part of the centroid's velocity across the body axis, to either side.",
        "abs(v x a) / abs(a)", f"{_JAABA}: absdv_ctr", reach_steps=0.5,
    ),
    FeatureSpec(
        "acceleration", "acc", "kinematics", "individual", _ACCELERATION,
        (CENTROID,), kinematics.acceleration, _NOT_NEGATIVE,
        f"Size of the centroid's acceleration, whatever its direction, {_STEP}.",
        "abs(c(t + h) - 2 c(t) + c(t - h)) / h^2", f"{_JAABA}: accmag", reach_steps=0.5,
    ),
    FeatureSpec(
        "speed_change", "v'", "kinematics", "individual", _ACCELERATION, (CENTROID,), kinematics.speed_change, _ANY,
        "Part of the acceleration along the motion; negative while slowing down.",
        "acc . v / abs(v)", f"{_MARS}: acceleration", reach_steps=0.5,
    ),
    FeatureSpec(
        "jerk", "j", "kinematics", "individual", _JERK, (CENTROID,), kinematics.jerk, _NOT_NEGATIVE,
        "Size of the rate at which the centroid's acceleration changes; mostly tracking noise.",
        "abs(c(t + 2h) - 2 c(t + h) + 2 c(t - h) - c(t - 2h)) / 2h^3",
        "Flash & Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985", reach_steps=1, offered=False,
    ),
    FeatureSpec(
        "turning_speed", "omega", "kinematics", "individual", _ANGLE_RATE,
        ("nose", "tail_base"), kinematics.turning_speed, _NOT_NEGATIVE,
        f"How fast the axis from the base of the tail to the nose turns, either way, {_STEP}.",
        "abs(angle(a(t - h), a(t + h))) / 2h", f"{_JAABA}: absdtheta", reach_steps=0.5,
    ),
    FeatureSpec(
        "turning_rate", "theta'", "kinematics", "individual", _ANGLE_RATE,
        ("nose", "tail_base"), kinematics.turning_rate, _ANY,
        "How fast the body axis turns, positive clockwise on screen.",
        "angle(a(t - h), a(t + h)) / 2h", f"{_JAABA}: dtheta", reach_steps=0.5, mirrored=True, offered=False,
    ),
    FeatureSpec(
        "heading", "theta", "kinematics", "individual", _ANGLE, ("nose", "tail_base"), kinematics.heading, _FULL_TURN,
        "Direction of the body axis in the image; 0 is right, pi/2 is down. Depends on how the camera is turned.",
        "atan2(a_y, a_x)", f"{_JAABA}: theta_mm", circular=True, mirrored=True, offered=False,
    ),
    FeatureSpec(
        "centroid_x", "x", "kinematics", "individual", _LENGTH, (CENTROID,), kinematics.centroid_x, _ANY,
        "How far the centroid is from the left edge of the image. Depends on where the camera stands.",
        "c_x", f"{_JAABA}: x_mm", offered=False,
    ),
    FeatureSpec(
        "centroid_y", "y", "kinematics", "individual", _LENGTH, (CENTROID,), kinematics.centroid_y, _ANY,
        "How far the centroid is below the upper edge of the image. Depends on where the camera stands.",
        "c_y", f"{_JAABA}: y_mm", offered=False,
    ),
    FeatureSpec(
        "path_curvature", "kappa", "kinematics", "individual", _CURVATURE,
        (CENTROID,), kinematics.path_curvature, _NOT_NEGATIVE,
        "How sharply the centroid's path bends: one over its radius. Undefined at rest, and noise near it.",
        "abs(v x acc) / abs(v)^3", "Common practice", reach_steps=0.5, offered=False,
    ),
    FeatureSpec(
        "displacement", "D", "kinematics", "individual", _LENGTH, (CENTROID,), kinematics.displacement, _NOT_NEGATIVE,
        "Distance between where the centroid was half a second ago and where it will be in half a second.",
        "abs(c(t + 0.5 s) - c(t - 0.5 s))", "Common practice", reach_steps=2.5,
    ),
    FeatureSpec(
        "body_length", "L", "posture", "individual", _LENGTH,
        ("nose", "tail_base"), posture.body_length, _NOT_NEGATIVE,
        "Distance from the nose to the base of the tail.",
        "abs(a)", "Common practice",
    ),
    FeatureSpec(
        "front_length", "L_front", "posture", "individual", _LENGTH,
        ("nose", "center"), posture.front_length, _NOT_NEGATIVE,
        "Distance from the nose to the center of the body.",
        "abs(nose - center)", "Common practice",
    ),
    FeatureSpec(
        "rear_length", "L_rear", "posture", "individual", _LENGTH,
        ("center", "tail_base"), posture.rear_length, _NOT_NEGATIVE,
        "Distance from the center of the body to the base of the tail.",
        "abs(center - tail_base)", "Common practice",
    ),
    FeatureSpec(
        "head_width", "w_head", "posture", "individual", _LENGTH,
        ("left_ear", "right_ear"), posture.head_width, _NOT_NEGATIVE,
        "Distance between the ears.",
        "abs(left_ear - right_ear)", "Common practice",
    ),
    FeatureSpec(
        "hip_width", "w_hip", "posture", "individual", _LENGTH,
        ("left_hip", "right_hip"), posture.hip_width, _NOT_NEGATIVE,
        "Distance between the hips.",
        "abs(left_hip - right_hip)", "Common practice",
    ),
    FeatureSpec(
        "point_length", "l_point", "posture", "individual", _LENGTH, (), posture.point_length, _NOT_NEGATIVE,
        "Distance between the points of two roles of the same animal.",
        "abs(point - other)", "Common practice", n_points=2, offered=False,
    ),
    FeatureSpec(
        "elongation", "e", "posture", "individual", _NUMBER, (), posture.elongation, (1.0, GREATEST_ELONGATION),
        "Longer over shorter axis of the ellipse in which the keypoints of the body scatter.",
        "ellipse_major / ellipse_minor", f"{_MARS}: axis_ratio",
    ),
    FeatureSpec(
        "ellipse_major", "l_maj", "posture", "individual", _LENGTH, (), posture.ellipse_major, _NOT_NEGATIVE,
        "Length of the longer axis of the body ellipse.",
        "4 sqrt(larger variance of the keypoints)", f"{_JAABA}: a_mm, here the whole axis",
    ),
    FeatureSpec(
        "ellipse_minor", "l_min", "posture", "individual", _LENGTH, (), posture.ellipse_minor, _NOT_NEGATIVE,
        "Length of the shorter axis of the body ellipse.",
        "4 sqrt(smaller variance of the keypoints)", f"{_JAABA}: b_mm, here the whole axis",
    ),
    FeatureSpec(
        "ellipse_area", "A", "posture", "individual", _AREA, (), posture.ellipse_area, _NOT_NEGATIVE,
        "Area of the body ellipse.",
        "pi / 4 * ellipse_major * ellipse_minor", f"{_JAABA}: area",
    ),
    FeatureSpec(
        "bend", "beta", "posture", "individual", _ANGLE, ("nose", "center", "tail_base"), posture.bend, _HALF_TURN,
        "Angle at the center between the front and the rear of the body; 0 is straight.",
        "abs(angle(nose - center, center - tail_base))", "Common practice",
    ),
    FeatureSpec(
        "head_body_angle", "beta_head", "posture", "individual", _ANGLE,
        ("nose", "neck", "tail_base"), posture.head_body_angle, _HALF_TURN,
        "Angle at the neck between head and body; 0 is straight.",
        "abs(angle(nose - neck, neck - tail_base))", f"{_MARS}: angle_nose_neck_tail",
    ),
    FeatureSpec(
        "left_neck_angle", "gamma_left", "posture", "individual", _ANGLE, ("left_ear", "neck", "left_hip"),
        posture.left_neck_angle, _HALF_TURN,
        "Angle at the neck between left ear and left hip; small where the head is turned to the left.",
        "abs(angle(left_ear - neck, left_hip - neck))", f"{_MARS}: angle_head_body_l",
    ),
    FeatureSpec(
        "right_neck_angle", "gamma_right", "posture", "individual", _ANGLE, ("right_ear", "neck", "right_hip"),
        posture.right_neck_angle, _HALF_TURN,
        "Angle at the neck between right ear and right hip; small where the head is turned to the right.",
        "abs(angle(right_ear - neck, right_hip - neck))", f"{_MARS}: angle_head_body_r",
    ),
    FeatureSpec(
        "tail_bend", "beta_tail", "posture", "individual", _ANGLE,
        ("center", "tail_base", "tail_tip"), posture.tail_bend, _HALF_TURN,
        "Angle at the base of the tail between body and tail; 0 is straight behind.",
        "abs(angle(center - tail_base, tail_base - tail_tip))", "Common practice",
    ),
    FeatureSpec(
        "hunching", "u", "posture", "individual", _NUMBER, ("nose", "center", "tail_base"), posture.hunching, _SHARE,
        "How much shorter the body is than the way along it over the center; 0 is stretched or straight.",
        "1 - body_length / (front_length + rear_length)", "Common practice",
    ),
    FeatureSpec(
        "centroid_distance", "d", "social", "pair", _LENGTH, (CENTROID,), social.centroid_distance, _NOT_NEGATIVE,
        "Distance between the two centroids.",
        "abs(c_1 - c_2)", f"{_JAABA}: dcenter",
    ),
    FeatureSpec(
        "nose_to_nose", "d_nn", "social", "pair", _LENGTH, ("nose",), social.nose_to_nose, _NOT_NEGATIVE,
        "Distance between the two noses.",
        "abs(nose_1 - nose_2)", _MARS,
    ),
    FeatureSpec(
        "closest_distance", "d_min", "social", "pair", _LENGTH, (CENTROID,), social.closest_distance, _NOT_NEGATIVE,
        "Smallest distance between nose, center or base of the tail of one animal and of the other.",
        "min abs(core_1 - core_2)", f"{_JAABA}: dnose2ell, here between points",
    ),
    FeatureSpec(
        "closest_keypoints", "d_kp", "social", "pair", _LENGTH, (), social.closest_keypoints, _NOT_NEGATIVE,
        "Smallest distance between any keypoint of one body and any of the other; costs the square of their number.",
        "min abs(keypoint_1 - keypoint_2)", "Common practice", offered=False,
    ),
    FeatureSpec(
        "distance_change", "d'", "social", "pair", _SPEED, (CENTROID,), social.distance_change, _ANY,
        f"Rate of change of the centroid distance, {_STEP}; negative while the animals come closer.",
        "(d(t + h) - d(t - h)) / 2h", f"{_JAABA}: ddcenter", reach_steps=0.5,
    ),
    FeatureSpec(
        "relative_orientation", "psi", "social", "pair", _ANGLE,
        ("nose", "tail_base"), social.relative_orientation, _HALF_TURN,
        "Angle between the two body axes; 0 is the same way, pi opposite ways.",
        "abs(angle(a_1, a_2))", f"{_JAABA}: absthetadiff; MARS: angle_between",
    ),
    FeatureSpec(
        "ellipse_gap", "g", "social", "pair", _NUMBER, (), overlap.ellipse_gap, _NOT_NEGATIVE,
        "Factor by which both body ellipses must grow to touch; below 1 they overlap.",
        "sqrt(max over s of s (1 - s) d' ((1 - s) E_1 + s E_2)^-1 d)",
        "Perram & Wertheim 1985, doi:10.1016/0021-9991(85)90171-8",
    ),
    FeatureSpec(
        "ellipse_overlap", "o", "social", "pair", _NUMBER, (), overlap.ellipse_overlap, _SHARE,
        "Overlap of the two body ellipses, from 0 far apart to 1 for the same ellipse (Bhattacharyya coefficient).",
        "exp(-d' C^-1 d / 8) sqrt(sqrt(det C_1 det C_2) / det C), C = (C_1 + C_2) / 2", "Bhattacharyya 1943",
    ),
    FeatureSpec(
        "contact", "k", "social", "pair", _NUMBER, (), overlap.contact, _SHARE,
        "1 where the two body ellipses touch or overlap, 0 where they are apart.",
        "ellipse_gap <= 1", "Perram & Wertheim 1985, doi:10.1016/0021-9991(85)90171-8",
    ),
    FeatureSpec(
        "box_overlap", "iou", "social", "pair", _NUMBER, (), overlap.box_overlap, _SHARE,
        "Shared over joint area of the upright boxes around both bodies. Depends on how the camera is turned.",
        "area(box_1 and box_2) / area(box_1 or box_2)", f"{_MARS}: overlap_bboxes", offered=False,
    ),
    FeatureSpec(
        "nose_to_tail_base", "d_nt", "social", "ordered_pair", _LENGTH,
        ("nose", "tail_base"), social.nose_to_tail_base, _NOT_NEGATIVE,
        "Distance from the agent's nose to the base of the target's tail.",
        "abs(nose_1 - tail_base_2)", f"{_JAABA}: dnose2tail",
    ),
    FeatureSpec(
        "nose_to_body", "d_nb", "social", "ordered_pair", _LENGTH,
        ("nose", CENTROID), social.nose_to_body, _NOT_NEGATIVE,
        "Distance from the agent's nose to the target's centroid.",
        "abs(nose_1 - c_2)", f"{_JAABA}: dnose2ell, here to the centroid",
    ),
    FeatureSpec(
        "point_distance", "d_point", "social", "ordered_pair", _LENGTH, (), social.point_distance, _NOT_NEGATIVE,
        "Distance from the point of a role of the agent to the point of a role of the target.",
        "abs(point_1 - other_2)", "Common practice", n_points=2, offered=False,
    ),
    FeatureSpec(
        "nose_to_nearest_keypoint", "d_nk", "social", "ordered_pair", _LENGTH,
        ("nose",), social.nose_to_nearest_keypoint, _NOT_NEGATIVE,
        "Distance from the agent's nose to the nearest keypoint of the target's body.",
        "min abs(nose_1 - keypoint_2)", f"{_MARS}: min_res_nose_dist",
    ),
    FeatureSpec(
        "facing_angle", "phi", "social", "ordered_pair", _ANGLE,
        ("nose", "tail_base"), social.facing_angle, _HALF_TURN,
        "Angle between the agent's body axis and the line from its centroid to the target's; 0 is facing the target.",
        "abs(angle(a_1, c_2 - c_1))", f"{_JAABA}: absanglefrom1to2; MARS: facing_angle, rel_angle_social as meant",
    ),
    FeatureSpec(
        "head_facing_angle", "phi_head", "social", "ordered_pair", _ANGLE,
        ("nose", "neck", CENTROID), social.head_facing_angle, _HALF_TURN,
        "Angle between the agent's head, neck to nose, and the line from its neck to the target's centroid.",
        "abs(angle(nose_1 - neck_1, c_2 - neck_1))", "Common practice",
    ),
    FeatureSpec(
        "bearing", "chi", "social", "ordered_pair", _ANGLE, ("nose", "tail_base"), social.bearing, _FULL_TURN,
        "Where the target lies as the agent sees it; 0 is ahead, positive is clockwise on screen.",
        "angle(a_1, c_2 - c_1)", f"{_JAABA}: anglefrom1to2", circular=True, mirrored=True, offered=False,
    ),
    FeatureSpec(
        "approach_speed", "v_to", "social", "ordered_pair", _SPEED, (CENTROID,), social.approach_speed, _ANY,
        f"Part of the agent's centroid velocity that points to the target's centroid, {_STEP}; negative moving away.",
        "v_1 . (c_2 - c_1) / d", f"{_JAABA}: veltoward", reach_steps=0.5,
    ),
    FeatureSpec(
        "tangential_speed", "v_tan", "social", "ordered_pair", _SPEED,
        (CENTROID,), social.tangential_speed, _NOT_NEGATIVE,
        "Part of the agent's centroid velocity across the line to the target's centroid, either way.",
        "abs(v_1 x (c_2 - c_1)) / d", f"{_MARS}: tangential_velocity, as meant", reach_steps=0.5,
    ),
    FeatureSpec(
        "following", "f", "social", "ordered_pair", _NUMBER, ("nose", "tail_base"), social.following, _SHARE,
        "How well the agent is lined up behind a target that faces the same way; 1 is exactly, 0 not at all.",
        "cos+(a_1, a_2) cos+(a_1, c_2 - c_1) cos+(c_2 - c_1, a_2)", "Common practice",
    ),
    FeatureSpec(
        "area_ratio", "A_1/A_2", "social", "ordered_pair", _NUMBER, (), overlap.area_ratio, _NOT_NEGATIVE,
        "Area of the agent's body ellipse over the target's.",
        "ellipse_area_1 / ellipse_area_2", f"{_MARS}: area_ellipse_ratio",
    ),
    FeatureSpec(
        "wall_distance", "d_wall", "arena", "individual", _LENGTH, (CENTROID,), arena.wall_distance, _ANY,
        "Distance of the centroid to the nearest wall; negative outside the arena.",
        "min abs(c - wall)", f"{_JAABA}: dist2wall", arena="outline",
    ),
    FeatureSpec(
        "wall_distance_share", "w", "arena", "individual", _LENGTH, (CENTROID,), arena.wall_distance, _ANY,
        "Distance of the centroid to the nearest wall, as a share of the arena's length, the root of its area.",
        "wall_distance / sqrt(arena area)", "Common practice", arena="outline", fixed_reference="arena",
    ),
    FeatureSpec(
        "center_distance", "d_mid", "arena", "individual", _LENGTH, (CENTROID,), arena.center_distance, _NOT_NEGATIVE,
        "Distance of the centroid to the center of the arena.",
        "abs(c - arena center)", "Common practice", arena="outline",
    ),
    FeatureSpec(
        "corner_distance", "d_corner", "arena", "individual", _LENGTH,
        (CENTROID,), arena.corner_distance, _NOT_NEGATIVE,
        "Distance of the centroid to the nearest corner of the arena.",
        "min abs(c - corner)", "Common practice", arena="corners",
    ),
    FeatureSpec(
        "thigmotaxis", "T", "arena", "individual", _NUMBER, (CENTROID,), arena.thigmotaxis, _SHARE,
        "How near to the wall the centroid is: 0 at the center of the arena, 1 at the wall and outside.",
        "center_distance / (center_distance + wall_distance)",
        "Simon, Dupuis & Costentin 1994, doi:10.1016/0166-4328(94)90008-6", arena="outline",
    ),
    FeatureSpec(
        "in_region", "in", "arena", "individual", _NUMBER, (CENTROID,), arena.in_region, _SHARE,
        "1 where the centroid is in the region, 0 where it is not.",
        "c in region", "Common practice", arena="region",
    ),
    FeatureSpec(
        "region_distance", "d_roi", "arena", "individual", _LENGTH, (CENTROID,), arena.region_distance, _NOT_NEGATIVE,
        "Distance of the centroid to the region; 0 inside.",
        "min abs(c - region)", "Common practice", arena="region",
    ),
    FeatureSpec(
        "object_distance", "d_obj", "arena", "individual", _LENGTH, ("nose",), arena.object_distance, _NOT_NEGATIVE,
        "Distance of the nose to the object.",
        "abs(nose - object)", "Common practice", arena="object",
    ),
    FeatureSpec(
        "confidence", "conf", "tracking", "individual", _NUMBER, (), tracking.confidence, _ANY,
        "Mean confidence over the keypoints that have one, on the tracker's own scale.",
        "mean confidence", "The tracker", offered=False,
    ),
    FeatureSpec(
        "missing_share", "miss", "tracking", "individual", _NUMBER, (), tracking.missing_share, _SHARE,
        "Share of the keypoints that are missing.",
        "missing keypoints / keypoints", "The tracker", offered=False,
    ),)  # fmt: skip
