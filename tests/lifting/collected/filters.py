"""Filters, control, signals, colours."""

from .package import Package

S = [[2.0, 0.3], [0.3, 1.5]]
F = [[1.0, 0.1], [-0.2, 0.9]]
RGB = [[0.3, 0.6, 0.2], [0.7, 0.1, 0.5]]
LAB = [[40.0, 10.0, -12.0], [60.0, -15.0, 21.0]]
LAB2 = [[43.0, 12.0, -9.0], [55.0, -11.0, 25.0]]
SERIES = [0.3, 1.2, -0.4, 0.8, 1.9, -1.1, 0.6, 0.2, -0.7, 1.3, 0.9, -0.2]
SPD = [[[2.0, 0.3], [0.3, 1.5]], [[1.0, -0.2], [-0.2, 0.7]], [[3.0, 0.8], [0.8, 2.2]]]
S_PARAMETERS = [[[0.1, 0.7], [0.6, -0.2]], [[0.3, 0.5], [0.5, 0.1]]]

PACKAGES = [
    Package(
        "filterpy",
        "filterpy",
        "import numpy as np\nfrom filterpy import common, gh, kalman, leastsq, memory, stats\nH = np.array([[1.0, 0.5]])",
        [
            ("kalman.predict(x, y, z, u)", [0.3, -1.0], S, F, [[0.1, 0.0], [0.0, 0.2]]),
            ("kalman.update(x, y, z, u, H)", [0.3, -1.0], S, 0.4, 0.7),
            (
                "k = kalman.KalmanFilter(2, 1); k.x = x; k.P = y; k.F = z; k.H = H; k.predict(); k.update(u); "
                "k.predict(); k.update(0.2); return k.x, k.P",
                [0.3, -1.0],
                S,
                F,
                0.4,
            ),
            (
                "k = kalman.KalmanFilter(2, 1); k.x = x; k.F = y; k.H = H; return k.batch_filter(z)[:2]",
                [[0.3], [-1.0]], F, SERIES,
            ),
            ("kalman.rts_smoother(x, y, z, u)", [[0.3, -1.0], [0.4, 0.2], [0.1, 0.5]], [S, S, S], [F, F, F], [S, S, S]),
            ("kalman.MerweScaledSigmaPoints(2, 0.1, 2., 1.).sigma_points(x, y)", [0.3, -1.0], S),
            (
                "p = kalman.MerweScaledSigmaPoints(2, 0.1, 2., 1.); "
                "return kalman.unscented_transform(p.sigma_points(x, y), p.Wm, p.Wc, z)",
                [0.3, -1.0],
                S,
                S,
            ),
            (
                "p = kalman.JulierSigmaPoints(2, 1.); "
                "k = kalman.UnscentedKalmanFilter(2, 1, 0.1, lambda s: s[:1] ** 2, lambda s, dt: s + dt * s[::-1] * s[0], p); "
                "k.x = x; k.P = y; k.predict(); k.update(z); return k.x, k.P",
                [0.3, -1.0],
                S,
                [0.4],
            ),
            (
                "k = kalman.ExtendedKalmanFilter(2, 1); k.x = x; k.P = y; k.F = z; k.predict(); "
                "k.update(u, lambda s: 2 * s.reshape(1, 2), lambda s: s[:1] ** 2); return k.x, k.P",
                [[0.3], [-1.0]],
                S,
                F,
                [[0.4]],
            ),
            (
                "k = kalman.InformationFilter(2, 1); k.x = x; k.F = y; k.H = H; k.predict(); k.update(z); "
                "return k.x",
                [[0.3], [-1.0]], F, 0.4,
            ),
            (
                "k = kalman.SquareRootKalmanFilter(2, 1); k.x = x; k.F = y; k.H = H; k.predict(); k.update(z); "
                "return k.x",
                [[0.3], [-1.0]], F, 0.4,
            ),
            (
                "k = kalman.CubatureKalmanFilter(2, 1, 0.1, lambda s: s[:1] ** 2, lambda s, "
                "dt: s + dt * s[::-1] * s[0]); k.x = x; k.P = y; k.predict(); k.update(z); return k.x, k.P",
                [[0.3], [-1.0]], S, [[0.4]],
            ),
            ("common.Q_discrete_white_noise(3, x, y)", 0.1, 2.0),
            ("common.van_loan_discretization(x, y, 0.1)", F, [[0.1], [0.3]]),
            ("common.runge_kutta4(x, y, z, lambda t, s: -s * t)", 1.2, 0.3, 0.1),
            ("stats.gaussian(x, y, z)", 0.3, 0.1, 1.7),
            ("stats.mul(x, y, z, u)", 0.3, 1.0, 0.8, 2.0),
            ("stats.multivariate_gaussian(x, y, z)", [0.3, 0.5], [0.1, 0.0], S),
            ("stats.mahalanobis(x, y, z)", [0.3, 0.5], [0.1, 0.0], S),
            ("stats.logpdf(x, y, z)", [0.3, 0.5], [0.1, 0.0], S),
            ("stats.NEES(x, y, z)", [[0.3, 0.5], [0.1, 0.2]], [[0.1, 0.0], [0.0, 0.3]], [S, S]),
            ("g = gh.GHFilter(x, y, 0.1, z, u); return g.update(1.1)", 0.3, 1.0, 0.8, 0.2),
            ("g = gh.GHFilter(x, y, 0.1, 0.8, 0.2); return g.batch_filter(z)", 0.3, 1.0, SERIES),
            ("f = memory.FadingMemoryFilter(x, 0.1, 1, 0.6); f.update(y); f.update(z); return f.x", [0.3, 0.1], 1.2, 0.8),
            ("f = leastsq.LeastSquaresFilter(0.1, 1); f.update(x); f.update(y); return f.update(z)", 0.3, 0.7, 1.2),
        ],
    ),
    Package(
        "pykalman",
        "pykalman",
        "from pykalman import KalmanFilter",
        [
            ("KalmanFilter(x, [[1., 0.5]]).filter(y)", F, [[0.3], [0.7], [1.2]]),
            ("KalmanFilter(x, [[1., 0.5]]).smooth(y)", F, [[0.3], [0.7], [1.2]]),
            ("KalmanFilter(x, [[1., 0.5]]).loglikelihood(y)", F, [[0.3], [0.7], [1.2]]),
        ],
    ),
    Package(
        "control",
        "control",
        "import control",
        [
            ("control.tf(x, y)(0.3j)", [1.0, 2.0], [1.0, 0.4, 2.0]),
            ("control.series(control.tf(x, [1., 2.]), control.tf(y, [1., 0.3, 1.])).num[0][0]", [1.0, 2.0], [3.0]),
            ("control.feedback(control.tf(x, y)).den[0][0]", [1.0, 2.0], [1.0, 0.4, 2.0]),
            ("control.ss(x, y, [[1., 0.]], [[0.]])(0.3j)", F, [[0.1], [0.3]]),
            ("control.ctrb(x, y)", F, [[0.1], [0.3]]),
            ("control.obsv(x, y)", F, [[0.1, 0.3]]),
            ("control.dcgain(control.tf(x, y))", [1.0, 2.0], [1.0, 0.4, 2.0]),
            ("control.lqr(x, y, z + z.T, [[1.]])[0]", F, [[0.1], [0.3]], S),
            ("control.acker(x, y, [-1., -2.])", F, [[0.1], [0.3]]),
            ("control.lyap(x, y + y.T)", [[-1.0, 0.1], [-0.2, -0.9]], S),
            ("control.step_response(control.ss(x, y, [[1., 0.]], [[0.]]), [0., 0.1, 0.2]).outputs", F, [[0.1], [0.3]]),
            ("control.mag2db(x)", 2.0),
        ],
    ),
    Package(
        "scikit-rf",
        "skrf",
        "from skrf import mathFunctions, network, tlineFunctions",
        [
            ("network.s2z(x)", S_PARAMETERS),
            ("network.s2y(x)", S_PARAMETERS),
            ("network.s2t(x)", S_PARAMETERS),
            ("network.s2a(x)", S_PARAMETERS),
            (
                "network.cascade(network.Network(s=x, f=[1., 2.]), network.Network(s=y, f=[1., 2.])).s",
                S_PARAMETERS, S_PARAMETERS,
            ),
            ("network.connect_s(x, 1, y, 0)", S_PARAMETERS, S_PARAMETERS),
            ("network.renormalize_s(x, 50., y)", S_PARAMETERS, 75.0),
            ("mathFunctions.complex_2_db(x)", [0.3, 0.7]),
            ("mathFunctions.dbdeg_2_reim(x, y)", [3.0, 2.0], [30.0, 80.0]),
            ("tlineFunctions.skin_depth(x, 1e-8, 1.)", [1e9, 2e9]),
            ("tlineFunctions.zl_2_swr(x, y)", 50.0, 75.0),
            ("tlineFunctions.input_impedance_at_theta(x, y, z)", 50.0, 75.0, 0.4),
            ("tlineFunctions.load_impedance_2_reflection_coefficient(x, y)", 50.0, 75.0),
        ],
    ),
    Package(
        "tmm",
        "tmm",
        "import tmm",
        [
            ("tmm.snell(x, y, z)", 1.0, 1.5, 0.3),
            ("tmm.interface_r('s', x, y, z, u)", 1.0, 1.5, 0.3, 0.2),
            ("tmm.interface_R('p', x, y, z, u)", 1.0, 1.5, 0.3, 0.2),
            (
                "t = tmm.coh_tmm('s', [1., x, 1.5], [float('inf'), y, float('inf')], z, u); return t['R'], "
                "t['T']",
                2.2, 100.0, 0.3, 500.0,
            ),
            (
                "t = tmm.ellips([1., x, 1.5], [float('inf'), y, float('inf')], z, u); return t['psi'], "
                "t['Delta']",
                2.2, 100.0, 0.3, 500.0,
            ),
            ("tmm.unpolarized_RT([1., x, 1.5], [float('inf'), y, float('inf')], z, u)['R']", 2.2, 100.0, 0.3, 500.0),
        ],
    ),
    Package(
        "colour-science",
        "colour",
        "import colour",
        [
            ("colour.XYZ_to_Lab(x)", RGB),
            ("colour.Lab_to_XYZ(x)", LAB),
            ("colour.XYZ_to_Luv(x)", RGB),
            ("colour.XYZ_to_xyY(x)", RGB),
            ("colour.XYZ_to_Oklab(x)", RGB),
            ("colour.RGB_to_HSV(x)", RGB),
            ("colour.XYZ_to_sRGB(x)", RGB),
            ("colour.sRGB_to_XYZ(x)", RGB),
            ("colour.models.eotf_ST2084(x)", [0.3, 0.6]),
            ("colour.models.oetf_BT709(x)", [0.3, 0.6]),
            ("colour.delta_E(x, y, method='CIE 1976')", LAB, LAB2),
            ("colour.delta_E(x, y, method='CIE 1994')", LAB, LAB2),
            ("colour.delta_E(x, y, method='CIE 2000')", LAB, LAB2),
            ("colour.delta_E(x, y, method='CMC')", LAB, LAB2),
            ("colour.adaptation.chromatic_adaptation_VonKries(x, y, z)", RGB, [0.95, 1.0, 1.09], [0.99, 1.0, 0.82]),
            ("colour.colorimetry.planck_law(x, y)", 500e-9, 5000.0),
            ("colour.temperature.CCT_to_xy_CIE_D(x)", 6500.0),
            ("colour.temperature.xy_to_CCT_McCamy1992(x)", [0.31, 0.33]),
            ("colour.notation.munsell_value_ASTMD1535(x)", 12.0),
            ("colour.appearance.XYZ_to_CIECAM02(x, y, 60., 20.).J", [[19.0, 20.0, 21.8]], [95.0, 100.0, 108.9]),
        ],
    ),
    Package(
        "colorspacious",
        "colorspacious",
        "import colorspacious",
        [
            ("colorspacious.cspace_convert(x, 'sRGB1', 'CIELab')", RGB),
            ("colorspacious.cspace_convert(x, 'sRGB1', 'CAM02-UCS')", RGB),
            ("colorspacious.deltaE(x, y, input_space='sRGB1')", RGB[0], RGB[1]),
        ],
    ),
    Package(
        "matplotlib",
        "matplotlib",
        "from matplotlib import bezier, colors, mlab, transforms",
        [
            ("colors.rgb_to_hsv(x)", RGB),
            ("colors.hsv_to_rgb(x)", RGB),
            ("colors.LogNorm(0.1, 10.)(x)", [0.3, 0.6]),
            ("colors.LightSource().hillshade(x)", [[0.1, 0.4, 0.2], [0.5, 0.9, 0.3], [0.2, 0.7, 0.8]]),
            ("bezier.BezierSegment(x)(y)", [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [0.3, 0.7]),
            ("transforms.Affine2D().rotate(x).translate(y, 0.3).transform([[1., 2.]])", 0.3, 1.2),
            ("mlab.detrend_linear(x)", SERIES),
            ("mlab.psd(x, NFFT=8)[0]", SERIES),
        ],
    ),
    Package(
        "scikit-image",
        "skimage",
        "from skimage import color, exposure, filters, measure, metrics, transform",
        [
            ("color.rgb2lab(x)", RGB),
            ("color.rgb2hsv(x)", RGB),
            ("color.rgb2gray(x)", RGB),
            ("color.deltaE_ciede2000(x, y)", LAB, LAB2),
            ("exposure.adjust_gamma(x, y)", RGB, 1.2),
            ("exposure.adjust_sigmoid(x)", RGB),
            ("metrics.mean_squared_error(x, y)", RGB, [[0.1, 0.4, 0.2], [0.5, 0.9, 0.3]]),
            ("filters.gaussian(x, 1.)", [[0.1, 0.4, 0.2], [0.5, 0.9, 0.3], [0.2, 0.7, 0.8]]),
            ("filters.sobel(x)", [[0.1, 0.4, 0.2], [0.5, 0.9, 0.3], [0.2, 0.7, 0.8]]),
            ("transform.SimilarityTransform(scale=x, rotation=y, translation=(z, u)).params", 1.2, 0.3, 1.0, 2.0),
            ("measure.moments(x, 2)", [[0.1, 0.4, 0.2], [0.5, 0.9, 0.3], [0.2, 0.7, 0.8]]),
        ],
    ),
    Package(
        "scikit-fuzzy",
        "skfuzzy",
        "import skfuzzy",
        [
            ("skfuzzy.gaussmf(x, y, z)", SERIES, 0.3, 1.0),
            ("skfuzzy.gbellmf(x, y, z, u)", SERIES, 1.3, 2.0, 0.25),
            ("skfuzzy.sigmf(x, y, z)", SERIES, 0.3, 1.0),
            ("skfuzzy.trimf(x, y)", SERIES, [-1.03, 0.25, 2.05]),
            ("skfuzzy.trapmf(x, y)", SERIES, [-1.03, -0.25, 0.71, 2.05]),
            ("skfuzzy.smf(x, -1.03, 2.05)", SERIES),
            ("skfuzzy.defuzz(x, y, 'centroid')", [0.0, 1.0, 2.0, 3.0], [0.1, 0.8, 0.6, 0.2]),
            ("skfuzzy.interp_membership([0., 1., 2.], x, 1.3)", [0.1, 0.8, 0.6]),
        ],
    ),
    Package(
        "pyriemann",
        "pyriemann",
        "from pyriemann.utils import base, distance, geodesic, mean, tangentspace",
        [
            ("base.sqrtm(x)", S),
            ("base.logm(x)", S),
            ("base.powm(x, 0.3)", S),
            ("distance.distance_riemann(x, y)", S, SPD[2]),
            ("distance.distance_logeuclid(x, y)", S, SPD[2]),
            ("distance.distance_wasserstein(x, y)", S, SPD[2]),
            ("distance.distance_kullback(x, y)", S, SPD[2]),
            ("mean.mean_logeuclid(x)", SPD),
            ("mean.mean_riemann(x)", SPD),
            ("geodesic.geodesic_riemann(x, y, z)", S, SPD[2], 0.3),
            ("tangentspace.tangent_space(x, y)", SPD, [[1.2, 0.1], [0.1, 0.8]]),
        ],
    ),
    Package(
        "pybaselines",
        "pybaselines",
        "from pybaselines import Baseline, utils",
        [
            ("Baseline().poly(x, poly_order=2)[0]", SERIES),
            ("Baseline().asls(x, lam=10.)[0]", SERIES),
            ("Baseline().snip(x, max_half_window=2)[0]", SERIES),
            ("utils.gaussian(x, y, z, u)", SERIES, 1.3, 0.1, 0.7),
            ("utils.whittaker_smooth(x, lam=10.)", SERIES),
        ],
    ),
]
