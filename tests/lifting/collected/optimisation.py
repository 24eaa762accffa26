"""Test functions of optimisers, and numerical tools."""

from .package import Package

X = [0.3, 0.7, 0.2, 0.9]
X2 = [0.3, 0.7]
ROWS = [[0.3, 0.7], [0.2, 0.9], [-0.4, 0.1]]
WEIGHTS = [[0.1, 0.4, 0.2], [0.4, 0.3, 0.7], [0.2, 0.7, 0.2]]
"""Of the edges of a graph, all of which are there: where a weight is 0 there is no edge, and a difference makes one."""

PACKAGES = [
    Package(
        "pymoo",
        "pymoo",
        "import numpy as np\n"
        "from pymoo.indicators.gd import GD\n"
        "from pymoo.indicators.igd import IGD\n"
        "from pymoo.problems import get_problem",
        [
            *((f"get_problem('{name}', n_var=4).evaluate(x)", X)
              for name in "ackley griewank rastrigin rosenbrock schwefel sphere zakharov".split()),
            *((f"get_problem('{name}', n_var=4).evaluate(x)", X) for name in ("zdt1", "zdt2", "zdt3", "zdt4", "zdt6")),
            *((f"get_problem('{name}', n_var=4, n_obj=3).evaluate(x)", X) for name in ("dtlz1", "dtlz2", "dtlz5", "dtlz7")),
            ("get_problem('himmelblau').evaluate(x)", X2),
            ("get_problem('pressure_vessel').evaluate(x)", X),
            ("get_problem('kursawe').evaluate(x)", X[:3]),
            ("GD(np.array([[0.1, 0.2], [0.3, 0.1]]))(x)", ROWS),
        ],
    ),
    Package(
        "opfunu",
        "opfunu",
        "import opfunu\nfrom opfunu import name_based",
        [
            *((f"name_based.{name}(ndim=4).evaluate(x)", X)
              for name in "Ackley01 Alpine01 Brown CosineMixture Griewank Deb01 Exponential Qing".split()),
            *((f"name_based.{name}().evaluate(x)", X2)
              for name in "Beale Branin01 CamelSixHump GoldsteinPrice Easom".split()),
            ("opfunu.cec_based.F12014(ndim=10).evaluate(x)", X + X + X2),
            ("opfunu.cec_based.F52014(ndim=10).evaluate(x)", X + X + X2),
        ],
    ),
    Package(
        "pyswarms",
        "pyswarms",
        "from pyswarms.utils.functions import single_obj",
        [
            (f"single_obj.{name}(x)", ROWS)
            for name in "ackley beale crossintray goldstein himmelblau levi rastrigin rosenbrock sphere".split()
        ],
    ),
    Package(
        "deap",
        "deap",
        "from deap import benchmarks",
        [
            *((f"benchmarks.{name}(x)", X)
              for name in "ackley bohachevsky griewank rastrigin rosenbrock schaffer schwefel zdt1 kursawe fonseca".split()),
            ("benchmarks.himmelblau(x)", X2),
            ("benchmarks.h1(x)", X2),
            ("benchmarks.dtlz2(x, 3)", X),
            ("benchmarks.shekel(x, y, z)", X2, [[0.1, 0.4], [0.5, 0.2]], [0.3, 0.2]),
        ],
    ),
    Package(
        "cma",
        "cma",
        "import cma\nfrom cma import bbobbenchmarks",
        [
            *((f"cma.ff.{name}(x)", X)
              for name in "elli rosen rastrigin griewank cigtab diffpow happycat levy pnorm dixonprice bohachevsky".split()),
            ("bbobbenchmarks.F8(1).evaluate(x)", X),
            ("bbobbenchmarks.F15(1).evaluate(x)", X),
        ],
    ),
    Package(
        "SALib",
        "SALib",
        "from SALib.test_functions import Ishigami, Sobol_G, lake_problem, linear_model_1, oakley2004",
        [
            ("Ishigami.evaluate(x)", [[0.3, 0.7, 0.2], [1.2, -0.4, 0.6]]),
            ("Sobol_G.evaluate(x)", [[0.3, 0.7, 0.2, 0.9, 0.1, 0.4, 0.6, 0.8]]),
            ("linear_model_1.evaluate(x)", [[0.3, 0.7]]),
        ],
    ),
    Package(
        "networkx",
        "networkx",
        "import networkx as nx",
        [
            ("nx.to_numpy_array(nx.from_numpy_array(x))", WEIGHTS),
            ("nx.pagerank(nx.from_numpy_array(x))", WEIGHTS),
            ("nx.shortest_path_length(nx.from_numpy_array(x), 0, 2, 'weight')", WEIGHTS),
            ("nx.drawing.layout.rescale_layout(x)", ROWS),
        ],
    ),
    Package(
        "numdifftools",
        "numdifftools",
        "import numdifftools as nd\nfrom numdifftools import extrapolation, fornberg",
        [
            ("nd.Derivative(lambda t: t ** 3 * y)(x)", 0.7, 1.2),
            ("nd.Gradient(lambda t: (t ** 3).sum())(x)", X2),
            ("extrapolation.dea3(x, y, z)[0]", [1.3, 1.1], [1.12, 1.04], [1.05, 1.01]),
            ("fornberg.fd_weights_all(x, y, 2)", [0.0, 0.3, 0.7, 1.2], 0.4),
            ("extrapolation.Richardson(2.0, 1, 1)(x, [0.1, 0.05, 0.025])[0]", [1.3, 1.1, 1.05]),
        ],
    ),
    Package(
        "bezier",
        "bezier",
        "import bezier\nfrom bezier.hazmat import curve_helpers, helpers, triangle_helpers",
        [
            ("curve_helpers.evaluate_multi(x, y)", [[0.0, 1.0, 3.0], [0.0, 2.0, 1.0]], [0.3, 0.7]),
            ("curve_helpers.elevate_nodes(x)", [[0.0, 1.0, 3.0], [0.0, 2.0, 1.0]]),
            ("curve_helpers.subdivide_nodes(x)", [[0.0, 1.0, 3.0], [0.0, 2.0, 1.0]]),
            (
                "curve_helpers.get_curvature(x, curve_helpers.evaluate_hodograph(y, x), y)",
                [[0.0, 1.0, 3.0], [0.0, 2.0, 1.0]], 0.3,
            ),
            (
                "triangle_helpers.evaluate_barycentric(x, 2, 0.2, 0.3, 0.5)",
                [[0.0, 1.0, 3.0, 0.2, 1.2, 0.1], [0.0, 2.0, 1.0, 0.9, 1.5, 2.0]],
            ),
            ("bezier.Curve(x, 2).length", [[0.0, 1.0, 3.0], [0.0, 2.0, 1.0]]),
        ],
    ),
    Package(
        "splipy",
        "splipy",
        "import splipy\nfrom splipy import curve_factory",
        [
            ("curve_factory.line(x, y)(0.3)", X2, [1.0, 2.0]),
            ("curve_factory.circle(x)(0.3)", 1.3),
            ("splipy.Curve(splipy.BSplineBasis(3), x).evaluate(0.3)", ROWS),
            ("curve_factory.circle_segment(x, y)(0.3)", 1.1, 2.0),
        ],
    ),
]
