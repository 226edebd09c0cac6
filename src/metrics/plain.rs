//! The older text format of Prometheus, for those who ask for `text/plain`. It is made out of the other one: the samples are the same, and
//! what stands about them differs in names.

use std::fmt::Write as _;

/// OpenMetrics text as text of version 0.0.4.
pub fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    // The help comes first, and its name depends on the type.
    let mut help = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                other => ("", other),
            };
            if let Some((_, said)) = help.take() {
                let _ = writeln!(text, "# HELP {name}{suffix} {said}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_have_other_names_and_what_is_new_is_left_out() {
        let open = "# HELP a Of a.\n# TYPE a counter\na_total 1\n# HELP b_seconds Of b.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 2.5\n# HELP c Of c.\n# TYPE c info\nc_info{d=\"# e\"} 1\n# EOF\n";
        let expected = "# HELP a_total Of a.\n# TYPE a_total counter\na_total 1\n# HELP b_seconds Of b.\n# TYPE b_seconds gauge\nb_seconds 2.5\n# HELP c_info Of c.\n# TYPE c_info gauge\nc_info{d=\"# e\"} 1\n";
        assert_eq!(plain(open), expected);
    }
}
