"""Fit robust linear models with SciPy: value, gradient and Hessian products from the formula.

    python examples/scipy_linear_model.py [scipy_linear_model.svg]

The data are the diabetes measurements that scikit-learn ships, one in ten spoiled.
"""

import sys

import matplotlib
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from lossary.adapters.scipy import linear_problem

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main(path: str) -> None:
    """Fit with three losses, with and without second derivatives."""
    x, t = load_diabetes(return_X_y=True)
    x = scale(x)
    spoiled = t.copy()
    spoiled[::10] = 1500.0
    figure, axes = plt.subplots(layout="constrained")
    for name, parameters in (
        ("mse_loss", {}),
        ("huber_loss", {"delta": 30.0}),
        ("log_cosh_loss", {}),
    ):
        problem = linear_problem(name, x, spoiled, l2=1e-3, **parameters)
        for method, options in (("L-BFGS-B", {}), ("trust-ncg", {"hessp": problem.hessp})):
            found = minimize(problem.fun, problem.x0, jac=True, method=method, **options)
            print(f"{name:14} {method:9} {found.nit:3} iterations, objective {found.fun:.6g}")
        residuals = np.sort(np.abs(problem.predict(found.x, x) - t))
        print(
            f"{'':14} median error on the data before they were spoiled {np.median(residuals):.1f}"
        )
        axes.plot(residuals, np.linspace(0, 1, len(t)), label=name)
    axes.set(xlabel="absolute error", ylabel="share of rows below", xlim=(0, 200))
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "scipy_linear_model.svg")
