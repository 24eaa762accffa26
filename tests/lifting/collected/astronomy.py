"""Orbits, galaxies, cosmology."""

from .package import Package

R = [7000.0, 100.0, 1300.0]
V = [-1.0, 7.0, 1.5]
SAMPLE = [0.3, 1.2, -0.4, 0.8, 1.9, -1.1, 0.6, 0.2]

PACKAGES = [
    Package(
        "astropy",
        "astropy",
        "from astropy import stats\n"
        "from astropy.convolution import Gaussian1DKernel\n"
        "from astropy.cosmology import FlatLambdaCDM\n"
        "from astropy.modeling import functional_models, physical_models, polynomial, powerlaws\n"
        "from astropy.timeseries import LombScargle",
        [
            ("functional_models.Gaussian1D.evaluate(x, y, z, u)", SAMPLE, 1.2, 0.3, 0.7),
            ("functional_models.Voigt1D(x, y, z, u)(0.3)", 0.1, 1.2, 0.4, 0.6),
            ("functional_models.Sersic2D.evaluate(0.3, 0.4, x, y, z, 0.1, 0.2, 0.3, u)", 1.2, 0.8, 2.0, 0.4),
            ("functional_models.Moffat1D(x, y, z, u)(0.3)", 1.2, 0.1, 0.8, 1.5),
            ("functional_models.Lorentz1D.evaluate(x, y, z, u)", SAMPLE, 1.2, 0.3, 0.7),
            ("powerlaws.BrokenPowerLaw1D.evaluate(x, y, z, 1.5, 2.5)", [0.3, 1.4], 1.2, 0.9),
            ("polynomial.Polynomial1D(2, c0=x, c1=y, c2=z)(0.3)", 0.3, 0.4, 0.5),
            ("polynomial.Chebyshev1D(2, c0=x, c1=y, c2=z)(0.3)", 0.3, 0.4, 0.5),
            ("stats.biweight_location(x)", SAMPLE),
            ("stats.biweight_scale(x)", SAMPLE),
            ("stats.mad_std(x)", SAMPLE),
            ("stats.circmean(x)", SAMPLE),
            ("stats.kuiper_false_positive_probability(x, 20.)", 0.3),
            ("FlatLambdaCDM(x, y, Tcmb0=0.).efunc(z)", 70.0, 0.3, 0.5),
            ("FlatLambdaCDM(70., 0.3, Tcmb0=0.).comoving_distance(x).value", 0.5),
            (
                "LombScargle(x, y, normalization='psd').power(0.3, method='slow')",
                [0.0, 1.1, 2.3, 3.2, 4.7, 5.1, 6.6, 7.2], SAMPLE,
            ),
        ],
    ),
    Package(
        "skyfield",
        "skyfield",
        "from skyfield import earthlib, functions, keplerlib, relativity",
        [
            ("functions.to_spherical(x)", R),
            ("functions.from_spherical(x, y, z)", 2.0, 0.3, 0.7),
            ("functions.angle_between(x, y)", R, V),
            ("functions.rot_x(x)", 0.3),
            ("functions.mxmxm(x, y, z)", [[1.0, 0.1], [0.2, 0.9]], [[0.3, 1.1], [1.2, 0.1]], [[0.5, 0.1], [0.7, 0.2]]),
            ("earthlib.reverse_terra(x, y)", [[3e-5], [2e-5], [2.1e-5]], [0.3]),
            ("earthlib.refraction(x, y, z)", 20.0, 10.0, 1010.0),
            ("earthlib.refract(x, y, z)", 20.0, 10.0, 1010.0),
            ("earthlib.compute_limb_angle(x, y)", [1.0, 0.2, 0.3], [5e-5, 3e-5, 4e-5]),
            ("keplerlib.eccentric_anomaly(x, y)", 0.2, 0.7),
            ("keplerlib.propagate(x, y, 0., z, 398600.4)", R, V, [600.0]),
            ("keplerlib.stumpff(x)", [0.3]),
            ("relativity.light_time_difference(x, y)", R, V),
        ],
    ),
    Package(
        "sgp4",
        "sgp4",
        "from sgp4.model import Satrec\nfrom sgp4 import ext, propagation\n"
        "LINES = ('1 25544U 98067A   19343.69339541  .00001764  00000-0  38792-4 0  9991', "
        "'2 25544  51.6439 211.2001 0007417  17.6667  85.6398 15.50103472202482')",
        [
            ("Satrec.twoline2rv(*LINES).sgp4_tsince(x)[1:]", 30.0),
            ("propagation.gstime(2451723.0 + x)", 0.3),
            ("ext.newtonnu(x, y)", 0.2, 0.7),
            ("ext.rv2coe(x, y, 398600.4)[:6]", R, V),
            ("ext.angle(x, y)", R, V),
        ],
    ),
    Package(
        "PyAstronomy",
        "PyAstronomy",
        "from PyAstronomy import pyasl",
        [
            ("pyasl.MarkleyKESolver().getE(x, y)", 0.7, 0.3),
            ("pyasl.KeplerEllipse(x, y, e=z).xyzPos(0.3)", 1.2, 2.0, 0.3),
            ("pyasl.planck(x, y)", 5000.0, 5e-7),
            ("pyasl.airtovac2(x)", [5000.0, 6000.0]),
            ("pyasl.helio_jd(x, y, z)", 50000.3, 100.0, 30.0),
            ("pyasl.getAngDist(x, y, z, u)", 10.0, 20.0, 12.0, 25.0),
            ("pyasl.foldAt(x, y, 0.1)", SAMPLE, 2.3),
            (
                "pyasl.dopplerShift(x, y, 30., edgeHandling='firstlast')[0]",
                [5000.0, 5001.0, 5002.0, 5003.0, 5004.0], [0.3, 0.5, 0.4, 0.7, 0.6],
            ),
        ],
    ),
    Package(
        "radvel",
        "radvel",
        "from radvel import gp, kepler, orbit, utils",
        [
            ("kepler.rv_drive(x, y, use_c_kepler_solver=False)", [0.1, 1.0, 2.0], [3.0, 0.2, 0.3, 0.7, 10.0]),
            ("kepler.kepler(x, y)", [0.7, 1.2], [0.3, 0.2]),
            ("orbit.true_anomaly(x, y, z, u)", [0.1, 1.0], 0.2, 3.0, 0.3),
            ("orbit.timetrans_to_timeperi(x, y, z, u)", 1.1, 3.0, 0.2, 0.7),
            ("utils.Msini(x, y, z, u)", 10.0, 3.0, 1.1, 0.2),
        ],
    ),
    Package(
        "lenstronomy",
        "lenstronomy",
        "from lenstronomy.LensModel.Profiles import epl, gaussian, hernquist, nfw, nie, sersic, shear, sis\n"
        "from lenstronomy.Util import param_util",
        [
            ("sis.SIS().derivatives(x, y, z)", 0.3, 0.4, 1.2),
            ("nfw.NFW().function(x, y, z, u)", 0.3, 0.4, 1.0, 0.8),
            ("nfw.NFW().hessian(x, y, z, u)", 0.3, 0.4, 1.0, 0.8),
            ("hernquist.Hernquist().function(x, y, z, u)", 0.3, 0.4, 1.0, 0.8),
            ("shear.Shear().function(x, y, z, u)", 0.3, 0.4, 0.1, -0.05),
            ("sersic.Sersic().derivatives(x, y, z, u, 1.1)", 0.3, 0.4, 2.0, 0.8),
            ("epl.EPL().derivatives(x, y, z, u, 0.1, -0.05)", 0.3, 0.4, 1.0, 2.1),
            ("nie.NIE().function(x, y, z, 0.1, -0.05, u)", 0.3, 0.4, 1.0, 0.1),
            ("param_util.phi_q2_ellipticity(x, y)", 0.3, 0.8),
            ("param_util.ellipticity2phi_q(x, y)", 0.3, 0.2),
        ],
    ),
    Package(
        "colossus",
        "colossus",
        "from colossus.cosmology import cosmology, power_spectrum\n"
        "from colossus.halo import mass_so, profile_nfw\n"
        "from colossus.lss import peaks\n"
        "cosmo = cosmology.setCosmology('planck18', persistence='')",
        [
            ("cosmo.Ez(x)", 0.5),
            ("cosmo.Hz(x)", [0.5, 1.0]),
            ("cosmo.rho_m(x)", 0.5),
            ("profile_nfw.NFWProfile(rhos=x, rs=y).density(z)", 1e6, 300.0, [100.0, 200.0]),
            ("profile_nfw.NFWProfile(rhos=x, rs=y).enclosedMass(z)", 1e6, 300.0, [100.0, 200.0]),
            ("profile_nfw.NFWProfile.mu(x)", [0.5, 2.0]),
            ("power_spectrum.modelEisenstein98(x, y, z, 0.05, 2.7255)", [0.1, 1.0], 0.7, 0.3),
            ("mass_so.deltaVir(x)", 0.5),
        ],
    ),
]
