// Follow the theme that is chosen in Airflow, which keeps it in this origin's storage.
(function () {
  "use strict";
  function apply() {
    var theme = null;
    try {
      theme = window.localStorage.getItem("theme");
    } catch (error) {
      // Storage is closed: the browser's own preference stays.
    }
    if (theme === "light" || theme === "dark") {
      document.documentElement.dataset.theme = theme;
    } else {
      delete document.documentElement.dataset.theme;
    }
  }
  apply();
  window.addEventListener("storage", apply);
})();
